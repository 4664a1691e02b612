import { runProcess } from './process.ts';
import { startWorker, WORKER_PROCESS } from './start-worker.ts';

await runProcess(WORKER_PROCESS, (context) => startWorker(context));
