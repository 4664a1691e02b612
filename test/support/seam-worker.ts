// A worker that stops or dies at one seam of a transfer, for the tests that ask what becomes of it. The seam is a wrapper around
// the injected client: the product itself knows nothing of it.
import { runProcess } from '../../src/main/process.ts';
import { startWorker, WORKER_PROCESS } from '../../src/main/start-worker.ts';

type Seam = 'permit' | 'reply';

const [operation, seam, signal] = (process.env['TEST_SEAM'] ?? '').split(':') as [
  'create' | 'execute',
  Seam,
  NodeJS.Signals,
];

let isArmed = true;

/** The signal is delivered before the next line runs. */
function strike(at: Seam): void {
  if (!isArmed || at !== seam) return;
  isArmed = false;
  process.kill(process.pid, signal);
}

await runProcess({ ...WORKER_PROCESS, stopDeadlineMs: 10_000 }, (context) =>
  startWorker(context, {
    conduit: (client) => ({
      ...client,
      async createOrder(send) {
        if (operation === 'create') strike('permit');
        const result = await client.createOrder(send);
        if (operation === 'create') strike('reply');
        return result;
      },
      async executeOrder(send) {
        if (operation === 'execute') strike('permit');
        const result = await client.executeOrder(send);
        if (operation === 'execute') strike('reply');
        return result;
      },
    }),
  }),
);
