import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bundleWorkflowCode } from '@temporalio/worker';
import { WORKFLOWS } from '../../src/main/start-worker.ts';

/** Bundles the workflows once, for all workers of a run. Returns the bundle's file. */
export async function bundleWorkflows(dir: string): Promise<string> {
  const silent = () => {};
  const logger = { log: silent, trace: silent, debug: silent, info: silent, warn: tellError, error: tellError };
  const { code } = await bundleWorkflowCode({ workflowsPath: WORKFLOWS, logger });
  const file = join(dir, 'workflows.cjs');
  writeFileSync(file, code);
  return file;
}

function tellError(message: string): void {
  process.stderr.write(`${message}\n`);
}
