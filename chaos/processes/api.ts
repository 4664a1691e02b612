// The api with its seams: what a crash between a commit and the words about it leaves behind.
import { runProcess } from '../../src/main/process.ts';
import { API_PROCESS, startApi } from '../../src/main/start-api.ts';
import { pass } from './seams.ts';
import { watchDatabase } from './watched-database.ts';

const isPlacing = (statements: readonly string[]) => statements.some((text) => text.startsWith('insert into orders'));
const isCancelling = (statements: readonly string[]) => statements.some((text) => text.startsWith('update orders'));
const isWebhook = (statements: readonly string[]) => statements.some((text) => text.startsWith('insert into inbox'));

await runProcess(API_PROCESS, (context) =>
  startApi(context, {
    db: (db) =>
      watchDatabase(db, {
        async beforeCommit(statements) {
          if (isPlacing(statements)) await pass('S1');
        },
        async afterCommit(statements) {
          if (isPlacing(statements)) await pass('S2');
          if (isWebhook(statements)) await pass('S12');
          if (isCancelling(statements)) await pass('S13', { at: 'committed' });
        },
      }),
  }),
);
