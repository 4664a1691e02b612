import { randomUUID } from 'node:crypto';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode, DefaultLogger, type WorkflowBundleWithSourceMap } from '@temporalio/worker';
import { LOCAL_DIR } from '../../stack/paths.ts';

/** A change of one file of the workflows; `from` stands there exactly once. */
export interface Plant {
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

const WORKFLOWS = fileURLToPath(new URL('../../src/workflows/', import.meta.url));

/** The workflows with these changes, as a worker would run them. They see of the other rooms only types, which a bundle has none of. */
export async function bundleWithPlants(plants: readonly Plant[]): Promise<WorkflowBundleWithSourceMap> {
  // Inside the checkout, so that the packages are found from there.
  const copy = join(LOCAL_DIR, `planted-${randomUUID()}`);
  mkdirSync(copy, { recursive: true });
  try {
    cpSync(WORKFLOWS, copy, { recursive: true });
    for (const { file, from, to } of plants) {
      const text = readFileSync(join(copy, file), 'utf8');
      if (text.split(from).length !== 2) throw new Error(`${file} does not hold exactly once: ${from}`);
      writeFileSync(
        join(copy, file),
        text.replace(from, () => to),
      );
    }
    return await bundleWorkflowCode({
      workflowsPath: join(copy, 'index.ts'),
      logger: new DefaultLogger('WARN'),
    });
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}
