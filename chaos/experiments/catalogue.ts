import { SetupError } from '../../stack/errors.ts';
import type { FaultTools } from '../../stack/fault-tools.ts';
import { allBuilds } from '../builds/catalogue.ts';
import { BUILD_EXPERIMENTS } from '../builds/experiments.ts';
import type { Options } from '../options.ts';
import type { NotRun } from '../report/table.ts';
import { ANSWER_EXPERIMENTS } from './answers.ts';
import { CLOCK_EXPERIMENTS } from './clocks.ts';
import { CONTEST_EXPERIMENTS } from './contests.ts';
import type { Experiment } from './experiment.ts';
import { canMount, LIMIT_EXPERIMENTS } from './limits.ts';
import { MARKET_EXPERIMENTS } from './market.ts';
import { MESSAGE_EXPERIMENTS } from './messages.ts';
import { MIX, randomMix } from './mix.ts';
import { OPERATOR_EXPERIMENTS } from './operators.ts';
import { PROCESS_EXPERIMENTS } from './processes.ts';
import { PROVIDER_EXPERIMENTS } from './provider.ts';
import { SEAM_EXPERIMENTS } from './seams.ts';
import { SECURITY_EXPERIMENTS } from './security.ts';
import { STORE_EXPERIMENTS } from './stores.ts';

const FAULT_EXPERIMENTS: readonly Experiment[] = [
  ...PROCESS_EXPERIMENTS,
  ...STORE_EXPERIMENTS,
  ...MESSAGE_EXPERIMENTS,
  ...PROVIDER_EXPERIMENTS,
  ...ANSWER_EXPERIMENTS,
  ...MARKET_EXPERIMENTS,
  ...CLOCK_EXPERIMENTS,
  ...CONTEST_EXPERIMENTS,
  ...OPERATOR_EXPERIMENTS,
  ...LIMIT_EXPERIMENTS,
].toSorted((a, b) => a.id.localeCompare(b.id));

/** The mix draws from F01 to F38 and these, but for those that are what the market does, which in the mix is its own. */
const ALSO_IN_MIX = ['F41', 'F42', 'F46', 'F47'];
const OF_THE_MARKET = ['F27', 'F31', 'F34'];
const IN_MIX = FAULT_EXPERIMENTS.filter(
  ({ id }) => (id <= 'F38' || ALSO_IN_MIX.includes(id)) && !OF_THE_MARKET.includes(id),
);
const MIX_MINUTES = 3;

export const EXPERIMENTS: readonly Experiment[] = [
  ...SEAM_EXPERIMENTS,
  ...FAULT_EXPERIMENTS,
  randomMix(MIX_MINUTES, IN_MIX),
  ...SECURITY_EXPERIMENTS,
];

/** What has no feature to break yet. */
const WITHOUT_FEATURE: readonly NotRun[] = [
  { id: 'F36', title: "a customer's webhook endpoint misbehaves", why: 'there are no webhooks to customers yet' },
  {
    id: 'S14',
    title: "a customer's webhook is delivered and not marked",
    why: 'there are no webhooks to customers yet',
  },
  { id: 'amend', title: 'terms change under a cancel and an expiry', why: 'terms cannot be changed yet' },
];

const QUICK = ['F04', 'F12', 'F16', 'F19', 'F20', 'F21', 'F31', 'F40'];

/** What there is to be run, a line each. */
export function listing(): string {
  const line = ({ id, title, atRisk }: Experiment) => `${id.padEnd(4)} ${title} (${atRisk.join(' ')})`;
  return [
    ...EXPERIMENTS.map(line),
    '',
    'In which the broken builds do harm (--only):',
    ...BUILD_EXPERIMENTS.map(line),
    '',
    'Broken builds (--build NAME):',
    ...allBuilds().map(({ name, caughtBy, broken }) => `${name.padEnd(25)} ${caughtBy.padEnd(4)} ${broken}`),
  ].join('\n');
}

/** With the mix of those faults that this machine has the tools for. */
function poolOf({ mode, minutes }: Options, inMix: readonly Experiment[]): readonly Experiment[] {
  if (mode === 'minutes') return [randomMix(minutes, inMix)];
  const all = EXPERIMENTS.map((it) => (it.id === MIX ? randomMix(MIX_MINUTES, inMix) : it));
  return mode === 'only' ? [...all, ...BUILD_EXPERIMENTS] : all;
}

/** The experiments that the options ask for, and those among them that this machine lacks something for. */
export async function chosen(
  options: Options,
  tools: FaultTools,
  dir: string,
): Promise<{ runnable: Experiment[]; notRun: NotRun[] }> {
  const faketime = typeof tools.faketime === 'string' ? null : tools.faketime.lacking;
  const needsFaketime = ({ needs }: Experiment) => faketime !== null && needs?.includes('faketime') === true;
  const all = poolOf(
    options,
    IN_MIX.filter((it) => !needsFaketime(it)),
  );
  const asked = all.filter(({ id }) => {
    if (options.mode === 'only') return options.ids.includes(id);
    return options.mode === 'quick' ? id.startsWith('S') || QUICK.includes(id) : true;
  });
  const unknown = options.ids.filter((id) => !all.some((it) => it.id === id));
  if (unknown.length > 0) throw new SetupError(`there is no experiment ${unknown.join(', ')}; --list names them`);
  const mount = asked.some(({ needs }) => needs?.includes('mount')) ? await canMount(dir) : null;
  // Every connection of a run goes through it.
  const toxiproxy = typeof tools.toxiproxy === 'string' ? null : tools.toxiproxy.lacking;
  const lacks = ({ needs = [] }: Experiment) =>
    toxiproxy ?? (needs.includes('faketime') ? faketime : null) ?? (needs.includes('mount') ? mount : null);
  const isMixed = asked.some(({ id }) => id === MIX);
  const leftOut = isMixed ? IN_MIX.filter((it) => needsFaketime(it) && !asked.some(({ id }) => id === it.id)) : [];
  return {
    runnable: asked.filter((it) => lacks(it) === null),
    notRun: [
      ...[...asked, ...leftOut].flatMap((it) => {
        const why = lacks(it);
        return why === null ? [] : [{ id: it.id, title: it.title, why }];
      }),
      ...(options.mode === 'all' ? WITHOUT_FEATURE : []),
    ],
  };
}

/** Which experiments are judged together: those of a quick run, one after another in one running system. */
export function grouped(experiments: readonly Experiment[], options: Options): Experiment[][] {
  if (options.mode !== 'quick') return experiments.map((it) => [it]);
  return experiments.length > 0 ? [[...experiments]] : [];
}
