import { loadConfig } from '../config.ts';
import { runProcess } from './process.ts';
import { startWorker } from './start-worker.ts';

/** Longer than the worker's own grace for activities under way, shorter than what an orchestrator usually allows. */
const STOP_DEADLINE_MS = 40_000;

await runProcess(
  { name: 'worker', load: loadConfig, defaultMetricsPort: 9466, stopDeadlineMs: STOP_DEADLINE_MS },
  (context) => startWorker(context),
);
