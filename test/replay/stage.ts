import type { SignalDefinition } from '@temporalio/common';
import type { FaultRuleInput } from '../../simulator/faults/rules.ts';
import type { Temporal } from '../../src/clients/temporal.ts';
import { orderState, orderWorkflowId } from '../../src/workflows/messages.ts';
import type { OrderRequest } from '../../stack/demo/client.ts';
import { runProductCommand } from '../../stack/product.ts';
import { eventually } from '../support/eventually.ts';
import { writeVersion } from '../support/versions.ts';
import { PAIR, type ProcessName, type World, workflowOf } from '../support/world.ts';
import { fetchHistory } from './archive.ts';
import { shapeOf, stepsOf } from './shape.ts';

/** All-in under the target of 0.92, and over it. */
export const FAR = '0.9150';
const MET = '0.93';

const PROCESSES: readonly ProcessName[] = ['api', 'bridge', 'worker'];
/** Longer than any scene waits for one thing: the slowest is a key that grows old, 24 s. */
const DEADLINE_MS = 60_000;

type Fields = Partial<OrderRequest>;
type Match = NonNullable<FaultRuleInput['match']>;
type Operation = Match['operation'];

export type Stage = World & ReturnType<typeof createActs>;

/**
 * A world and what the scenes have in common. `server`: another Temporal server than the world's own, which the processes and the
 * scenes then use.
 */
export async function createStage(
  world: World,
  server?: { readonly address: string; readonly temporal: Temporal },
): Promise<Stage> {
  const there: World = server
    ? {
        ...world,
        temporal: server.temporal,
        start: (name, options = {}) =>
          world.start(name, { ...options, env: { ...options.env, TEMPORAL_ADDRESS: server.address } }),
      }
    : world;
  const knobs = await there.simulator.knobs();
  const stage: Stage = { ...there, ...createActs(there, knobs) };
  await Promise.all(PROCESSES.map((name) => stage.start(name)));
  return stage;
}

function createActs(world: World, usualKnobs: Awaited<ReturnType<World['simulator']['knobs']>>) {
  const { simulator, db } = world;

  const acts = {
    run: (orderId: string) => workflowOf(world, orderId),

    /** Places an order whose rate is met. */
    async met(fields?: Fields): Promise<string> {
      await simulator.setRate(PAIR, MET);
      return (await world.place(fields)).order_id;
    },

    /** Places an order whose rate is far, and waits until its run sleeps. */
    async watching(fields?: Fields): Promise<string> {
      await simulator.setRate(PAIR, FAR);
      const { order_id } = await world.place(fields);
      await acts.says(order_id, 'waits for an all-in rate');
      return order_id;
    },

    cross: () => simulator.setRate(PAIR, MET),
    signal: (orderId: string, signal: SignalDefinition) => workflowOf(world, orderId).signal(signal),
    expiringIn: (ms: number): Fields => ({ expires_at: new Date(Date.now() + ms).toISOString() }),

    /** Arms a fault; it strikes once unless `match` says otherwise. */
    async fault(operation: Operation, action: FaultRuleInput['action'], match: Match = {}): Promise<void> {
      await simulator.armFault({ match: { operation, times: 1, ...match }, action });
    },

    /** Waits until the run tells that this is what it does. */
    async says(orderId: string, what: string): Promise<void> {
      await eventually(
        `the run to say "${what}"`,
        async () => (await workflowOf(world, orderId).query(orderState)).includes(what),
        DEADLINE_MS,
      );
    },

    /** Waits until the run's history has this step, `times` times. */
    async shows(orderId: string, word: string, times = 1): Promise<void> {
      const ref = { workflowId: orderWorkflowId(orderId) };
      await eventually(
        `the run to show ${word}`,
        async () => stepsOf(await fetchHistory(world.temporal, ref)).filter((it) => it.word === word).length >= times,
        DEADLINE_MS,
      );
    },

    /** Waits until no attempt of the order is live. */
    async untilWatched(orderId: string): Promise<void> {
      await eventually('the attempt to be closed', async () => {
        const live = await db`select from transactions where order_id = ${orderId} and closed_at is null`;
        return live.count === 0;
      });
    },

    async untilClaimed(orderId: string): Promise<void> {
      await eventually('the claim', async () => (await world.claims(orderId)) === 1, DEADLINE_MS);
    },

    /** What the source account holds; null is plenty. */
    async setFunds(amount: string | null): Promise<void> {
      const [row] = await db<{ accountId: string }[]>`
        select account_id from conduit_accounts where user_id = ${world.userId} and asset = 'USDT.ethereum'`;
      await simulator.setBalance(row?.accountId ?? '', 'USDT.ethereum', amount);
    },

    pause: (scope = `pair:${PAIR}`) => runProductCommand('admin', ['pause', '--scope', scope], world.env),
    resume: (scope = `pair:${PAIR}`) => runProductCommand('admin', ['resume', '--scope', scope], world.env),

    /** Lets one of the standing repairs come now. */
    trigger: (schedule: 'reconcile' | 'orphans') => world.temporal.client.schedule.getHandle(schedule).trigger(),

    /** The newest runs of a type, newest first. */
    async closedRuns(type: string): Promise<{ workflowId: string; runId: string }[]> {
      const runs = [];
      const query = `WorkflowType = '${type}' and ExecutionStatus != 'Running'`;
      for await (const { workflowId, runId, closeTime } of world.temporal.client.workflow.list({ query }))
        runs.push({ workflowId, runId, closeTime: closeTime?.getTime() ?? 0 });
      return runs.sort((a, b) => b.closeTime - a.closeTime);
    },

    /** Waits until the order has ended and its run with it. A shape on which money moved twice is none to keep. */
    async finish(orderId: string): Promise<void> {
      const { status } = await world.ended(orderId, DEADLINE_MS);
      await workflowOf(world, orderId).result();
      const executions = (await world.ledger(orderId)).filter(({ event }) => event === 'order.succeeded').length;
      // What Conduit executed by itself ends an order failed, while it still moves.
      const isRight = status === 'failed' ? executions <= 1 : executions === (status === 'executed' ? 1 : 0);
      if (!isRight) throw new Error(`the order ended ${status} and was executed ${executions} times`);
    },

    /** Puts everything back that a scene may have changed; every order has ended by then. */
    async tidy(): Promise<void> {
      await simulator.clearFaults();
      await simulator.setKnobs(usualKnobs);
      await acts.setFunds(null);
      await db`delete from pauses`;
      await db`update provider_gate set closed_until = app_now()`;
      // The next order shall not find the last one's rate.
      await db`delete from rate_observations`;
      await world.redis.flushdb();
    },

    /** After a scene that failed: tells what the orders that are still open did, and ends them by force. */
    async endOpenOrders(): Promise<string[]> {
      const open = await db<{ orderId: string; status: string }[]>`
        select order_id, status from orders where closed_at is null`;
      await simulator.clearFaults();
      return Promise.all(
        open.map(async ({ orderId, status }) => {
          const history = await fetchHistory(world.temporal, { workflowId: orderWorkflowId(orderId) }).catch(
            () => null,
          );
          await workflowOf(world, orderId)
            .terminate('its scene failed')
            .catch(() => {});
          await db`update transactions set status = 'cancelled', closed_at = app_now(), closed_by = 'fence', unknown_since = null,
              version = version + 1
            where order_id = ${orderId} and closed_at is null`;
          await writeVersion(db, {
            set: db`status = 'failed', closed_at = app_now()`,
            where: db`order_id = ${orderId}`,
          });
          return `${status}: ${history ? shapeOf(history) : 'no run'}`;
        }),
      );
    },
  };
  return acts;
}
