import { SetupError } from '../../stack/errors.ts';
import type { FaultTools } from '../../stack/fault-tools.ts';
import type { Options } from '../options.ts';
import type { NotRun } from '../report/table.ts';
import type { Experiment } from './experiment.ts';
import { PROCESS_EXPERIMENTS } from './processes.ts';
import { PROVIDER_EXPERIMENTS } from './provider.ts';
import { SEAM_EXPERIMENTS } from './seams.ts';
import { STORE_EXPERIMENTS } from './stores.ts';

export const EXPERIMENTS: readonly Experiment[] = [
  ...SEAM_EXPERIMENTS,
  ...[...PROCESS_EXPERIMENTS, ...STORE_EXPERIMENTS, ...PROVIDER_EXPERIMENTS].toSorted((a, b) =>
    a.id.localeCompare(b.id),
  ),
];

const QUICK = ['F12', 'F16', 'F19', 'F20', 'F21', 'F31', 'F40'];

/** The experiments that the options ask for, and those among them that this machine lacks something for. */
export function chosen(options: Options, tools: FaultTools): { runnable: Experiment[]; notRun: NotRun[] } {
  const asked = EXPERIMENTS.filter(({ id }) => {
    if (options.mode === 'only') return options.ids.includes(id);
    return options.mode === 'quick' ? id.startsWith('S') || QUICK.includes(id) : true;
  });
  const unknown = options.ids.filter((id) => !EXPERIMENTS.some((it) => it.id === id));
  if (unknown.length > 0) throw new SetupError(`there is no experiment ${unknown.join(', ')}; --list names them`);
  const lacks = (it: Experiment) =>
    it.needs?.includes('faketime') && typeof tools.faketime !== 'string' ? tools.faketime.lacking : null;
  return {
    runnable: asked.filter((it) => lacks(it) === null),
    notRun: asked.flatMap((it) => {
      const why = lacks(it);
      return why === null ? [] : [{ id: it.id, title: it.title, why }];
    }),
  };
}

/** Which experiments are judged together: the seams of a quick run, one after another in one running system. */
export function grouped(experiments: readonly Experiment[], options: Options): Experiment[][] {
  if (options.mode !== 'quick') return experiments.map((it) => [it]);
  const seams = experiments.filter(({ id }) => id.startsWith('S'));
  const others = experiments.filter(({ id }) => !id.startsWith('S'));
  return [seams, ...others.map((it) => [it])].filter((group) => group.length > 0);
}
