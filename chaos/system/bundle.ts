import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bundleWorkflowCode } from '@temporalio/worker';
import { WORKFLOWS } from '../../src/main/start-worker.ts';

/** Bundles the workflows once, for all workers of a run. Returns the bundle's file. */
export async function bundleWorkflows(dir: string): Promise<string> {
  return written(dir, 'workflows', await bundled());
}

/** The line of the order's workflow that a release would change. */
const FIRST_STEP = 'const news = listenForNews();';

/** What stands before it in the other release: a new command, guarded by a patch or not. */
const CHANGES = {
  patched: "if ((0, __chaos.patched)('chaos-1')) await (0, __chaos.sleep)(1);",
  non_deterministic: 'await (0, __chaos.sleep)(1);',
} as const;

/** The same workflows as a later release would have them: changed as a release must, or as none may. */
export async function bundleWith(dir: string, change: keyof typeof CHANGES): Promise<string> {
  const code = await bundled();
  const api = /(_temporalio_workflow__WEBPACK_IMPORTED_MODULE_\d+__)\.setHandler/.exec(code)?.[1];
  if (!api || code.split(FIRST_STEP).length !== 2)
    throw new Error('the order workflow no longer begins as this expects');
  return written(dir, change, code.replace(FIRST_STEP, CHANGES[change].replaceAll('__chaos', api) + FIRST_STEP));
}

async function bundled(): Promise<string> {
  const silent = () => {};
  const logger = { log: silent, trace: silent, debug: silent, info: silent, warn: tellError, error: tellError };
  const { code } = await bundleWorkflowCode({ workflowsPath: WORKFLOWS, logger });
  return code;
}

function written(dir: string, name: string, code: string): string {
  const file = join(dir, `${name}.cjs`);
  writeFileSync(file, code);
  return file;
}

function tellError(message: string): void {
  process.stderr.write(`${message}\n`);
}
