// A2: every program with settings that cannot be right ends at once, and says which, and no secret.
import { join } from 'node:path';
import { ROOT } from '../../stack/paths.ts';
import type { Stage } from '../experiments/experiment.ts';
import { planBoots } from './boot-cases.ts';
import { boot, judgeEnding } from './boots.ts';

/** Two cores; what is measured against a deadline must not wait for others of its kind. */
const SIDE_BY_SIDE = 2;

/** `root` is the checkout whose programs are started. */
export async function bootEverything(stage: Stage, root = ROOT): Promise<void> {
  const { system, random, expect, note } = stage;
  const dir = join(system.dir, 'boots');
  const { boots, secrets } = planBoots({ random, dir, takenPort: system.env['API_PORT'] ?? '' });
  const left = [...boots];
  const next = async (): Promise<void> => {
    for (let one = left.shift(); one; one = left.shift()) {
      const first = await boot(one, root, join(dir, 'compiled'));
      // What takes too long on a machine that is busy just then has a second chance; what hangs, hangs again.
      const ending = first.isLate ? await boot(one, root, join(dir, 'compiled')) : first;
      note('a boot', { program: one.program, what: one.what, code: ending.code, ms: ending.ms });
      for (const { invariant, text } of judgeEnding(one, ending, secrets)) expect(false, invariant, text);
    }
  };
  await Promise.all(Array.from({ length: SIDE_BY_SIDE }, next));
}
