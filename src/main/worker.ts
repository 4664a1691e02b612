import { runProcess } from './process.ts';
import { startWorker } from './start-worker.ts';

/** Longer than the worker's own grace for activities under way, shorter than what an orchestrator usually allows. */
const STOP_DEADLINE_MS = 40_000;

await runProcess('worker', 9466, STOP_DEADLINE_MS, (context) => startWorker(context));
