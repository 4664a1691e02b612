import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SetupError } from '../../stack/errors.ts';
import { ROOT } from '../../stack/paths.ts';
import { EXPERIMENTS } from '../experiments/catalogue.ts';
import { brokenOff, type RunOptions, runExperiments } from '../experiments/run-experiment.ts';
import type { Options } from '../options.ts';
import { basisOf, stampOf } from '../report/results.ts';
import type { System } from '../system/system.ts';
import { areAllCaught, caughtPage, runBuilds } from './run-builds.ts';

export interface BuildsDeps {
  readonly options: Options;
  /** Where the evidence goes. */
  readonly dir: string;
  readonly say: (text: string) => void;
  readonly start: (build: string | null) => Promise<System>;
}

/** `--builds`: every broken build, each with the experiment that shall catch it. True when all were caught, and nothing else found. */
export async function runAllBuilds({ options, dir, say, start }: BuildsDeps): Promise<boolean> {
  const seed = options.seeds[0] ?? 1;
  const { sources } = basisOf(options);
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
  if (basisOf(options).sources !== sources)
    throw new SetupError('the sources have changed while they were run: nothing of this can be told; run again');
  const about = `\`npm run chaos -- --builds --seed ${seed}\`, ${stampOf(sources)}.`;
  writeFileSync(join(ROOT, 'docs', 'chaos-caught.md'), caughtPage(verdicts, about));
  const caught = verdicts.filter(({ isCaught }) => isCaught).length;
  say(`chaos: ${caught} of ${verdicts.length} broken builds caught`);
  return areAllCaught(verdicts);
}
