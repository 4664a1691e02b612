import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../../stack/paths.ts';
import { EXPERIMENTS } from '../experiments/catalogue.ts';
import { brokenOff, type RunOptions, runExperiments } from '../experiments/run-experiment.ts';
import type { Options } from '../options.ts';
import type { System } from '../system/system.ts';
import { areAllCaught, caughtPage, runBuilds } from './run-builds.ts';

export interface BuildsDeps {
  readonly options: Options;
  /** Where the evidence goes. */
  readonly dir: string;
  readonly say: (text: string) => void;
  readonly start: (build: string | null) => Promise<System>;
}

/** `--builds`: every broken build, each with the experiment that shall catch it. True when all were caught, by experiments that find nothing else. */
export async function runAllBuilds({ options, dir, say, start }: BuildsDeps): Promise<boolean> {
  const seed = options.seeds[0] ?? 1;
  const verdicts = await runBuilds({
    experiments: EXPERIMENTS,
    tell: say,
    start,
    async run(system, experiment, label) {
      const runOptions: RunOptions = {
        seed,
        timeScale: options.timeScale,
        isQuick: false,
        dir: join(dir, label),
        ...(options.orders === undefined ? {} : { orders: options.orders }),
      };
      const [result] = await runExperiments(system, [experiment], runOptions).catch((error: unknown) => [
        brokenOff(experiment, runOptions, error),
      ]);
      if (!result) throw new Error('an experiment gave no result');
      return result;
    },
  });
  const about = `\`npm run chaos -- --builds --seed ${seed}\`.`;
  writeFileSync(join(ROOT, 'docs', 'chaos-caught.md'), caughtPage(verdicts, about));
  const caught = verdicts.filter(({ isCaught }) => isCaught).length;
  say(`chaos: ${caught} of ${verdicts.length} broken builds caught`);
  return areAllCaught(verdicts);
}
