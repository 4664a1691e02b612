// The worker with its seams: between a permit and its request, a request and its reply, a reply and its record, a record and the
// word of it to Temporal.
import type { ConduitClient } from '../../src/clients/conduit/client.ts';
import { loadBuild } from '../builds/load-build.ts';
import { pass } from './seams.ts';
import { additionOf, watchDatabase } from './watched-database.ts';

const { CHAOS_WORKFLOW_BUNDLE: codePath = '' } = process.env;

// Before anything of the product is imported: a build may change its sources.
const build = await loadBuild();
const { runProcess } = await import('../../src/main/process.ts');
const { startWorker, WORKER_PROCESS } = await import('../../src/main/start-worker.ts');
const { ORDER_EVENTS } = await import('../../src/db/transition.ts');

await runProcess(WORKER_PROCESS, (context) =>
  startWorker(context, {
    // Bundled once for all the workers of a run: one that is killed often would spend its life bundling.
    ...(codePath === '' ? {} : { workflowBundle: { codePath } }),
    conduit: (client) => withSeams(build.conduit(client)),
    db: (db) =>
      build.db(
        watchDatabase(db, {
          async beforeStatement(statement) {
            const addition = additionOf(statement, ORDER_EVENTS);
            if (addition?.event !== undefined) await pass('S11', { event: addition.event });
            if (addition) await pass('S17', { ...addition });
          },
        }),
      ),
    activities: (activities) => ({
      ...activities,
      async advanceOrder(orderId, hints) {
        const step = await activities.advanceOrder(orderId, hints);
        if (step.recorded.length > 0)
          await pass('S16', { orderId, status: step.status, recorded: step.recorded.join(', ') });
        return step;
      },
      async sendCreate(...args) {
        const result = await activities.sendCreate(...args);
        await pass('S10', { orderId: args[0], operation: 'create' });
        return result;
      },
      async sendExecute(...args) {
        const result = await activities.sendExecute(...args);
        await pass('S10', { orderId: args[0], operation: 'execute' });
        return result;
      },
      async lookUpAttempt(...args) {
        const result = await activities.lookUpAttempt(...args);
        await pass('S10', { orderId: args[0], operation: 'look_up' });
        return result;
      },
    }),
  }),
);

function withSeams(client: ConduitClient): ConduitClient {
  return {
    ...client,
    async createOrder(send) {
      const about = { operation: 'create', reference: send.reference };
      await pass('S5', about);
      await pass('S15', about);
      const reply = client.createOrder(send);
      await pass('S6', about);
      const result = await reply;
      await pass('S7', about);
      return result;
    },
    async executeOrder(send) {
      const about = { operation: 'execute', reference: referenceOf(send.key) };
      await pass('S15', about);
      const reply = client.executeOrder(send);
      await pass('S8', about);
      const result = await reply;
      await pass('S9', { ...about, outcome: result.outcome });
      return result;
    },
  };
}

/** `<reference>:execute:<m>` */
function referenceOf(key: string): string {
  return key.split(':').slice(0, 2).join(':');
}
