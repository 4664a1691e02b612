// The api with its seams: what a crash between a commit and the words about it leaves behind.
import { loadBuild } from '../builds/load-build.ts';
import { pass } from './seams.ts';
import { additionOf, type Statement, watchDatabase } from './watched-database.ts';

const isPlacing = (statements: readonly Statement[]) =>
  statements.some(({ text }) => text.startsWith('insert into orders'));
const isWebhook = (statements: readonly Statement[]) =>
  statements.some(({ text }) => text.startsWith('insert into inbox'));
/** A cancel that was refused changes the row, too; the new status comes first. */
const isCancelling = (statements: readonly Statement[]) =>
  statements.some(({ text, values }) => text.startsWith('update orders set status') && values[0] === 'cancelled');

// Before anything of the product is imported: a build may change its sources.
const build = await loadBuild();
const { runProcess } = await import('../../src/main/process.ts');
const { API_PROCESS, startApi } = await import('../../src/main/start-api.ts');
const { ORDER_EVENTS } = await import('../../src/db/transition.ts');

await runProcess(API_PROCESS, (context) =>
  startApi(context, {
    db: (db) =>
      build.db(
        watchDatabase(db, {
          async beforeStatement(statement) {
            const addition = additionOf(statement, ORDER_EVENTS);
            if (addition) await pass('S17', { ...addition });
          },
          async beforeCommit(statements) {
            if (isPlacing(statements)) await pass('S1');
          },
          async afterCommit(statements) {
            if (isPlacing(statements)) await pass('S2');
            if (isWebhook(statements)) await pass('S12');
            if (isCancelling(statements)) await pass('S13', { at: 'committed' });
          },
        }),
      ),
  }),
);
