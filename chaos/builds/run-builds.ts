import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { readEvidence } from '../checker/evidence.ts';
import { INVARIANTS, type Invariant } from '../checker/verdict.ts';
import type { Experiment } from '../experiments/experiment.ts';
import type { Result } from '../experiments/run-experiment.ts';
import type { System } from '../system/system.ts';
import type { Build, BuildName } from './build.ts';
import { BUILD_NAMES } from './build.ts';
import { buildOf } from './catalogue.ts';
import { BUILD_EXPERIMENTS } from './experiments.ts';

export interface RunBuildsDeps {
  /** The whole system with a build, or with the product as it is. */
  readonly start: (build: BuildName | null) => Promise<System>;
  /** Runs one experiment; `label` is a folder name for its evidence. */
  readonly run: (system: System, experiment: Experiment, label: string) => Promise<Result>;
  /** The experiments that are there besides our own. */
  readonly experiments: readonly Experiment[];
  readonly tell: (line: string) => void;
}

/** One build, and whether the judge saw through it. */
export interface BuildVerdict {
  readonly name: BuildName;
  readonly broken: string;
  readonly experiment: { readonly id: string; readonly title: string };
  /** A law that the build harms was found broken; coming to no rest is not enough. */
  readonly isCaught: boolean;
  /** The laws that were found broken, each once. */
  readonly invariants: readonly Invariant[];
  readonly orders: number;
  /** The first order, in the order they were placed, against which something was found; null when nothing was. */
  readonly firstVictim: number | null;
  /** What the same experiment found against the product as it is: none, or the build proves nothing. */
  readonly healthyViolations: number;
}

/** Runs each build through the experiment that shall catch it, and the product itself through the same experiments. */
export async function runBuilds(
  { start, run, experiments, tell }: RunBuildsDeps,
  names: readonly BuildName[] = BUILD_NAMES,
): Promise<BuildVerdict[]> {
  const all = [...experiments, ...BUILD_EXPERIMENTS];
  const builds = names.map(buildOf);
  const needed = all.filter(({ id }) => builds.some((build) => build.caughtBy === id));
  const healthy = new Map<string, number>();
  const system = await start(null);
  try {
    for (const experiment of needed) {
      const { violations } = await run(system, experiment, `healthy-${experiment.id}`);
      healthy.set(experiment.id, violations.length);
      tell(`the product as it is in ${experiment.id}: ${violations.length} violations`);
    }
  } finally {
    await system.stop();
  }
  const verdicts: BuildVerdict[] = [];
  for (const build of builds) {
    const experiment = needed.find(({ id }) => id === build.caughtBy);
    if (!experiment) throw new Error(`${build.name} is to be caught by ${build.caughtBy}, which is no experiment`);
    const broken = await start(build.name);
    try {
      const result = await run(broken, experiment, `${build.name}-${experiment.id}`);
      verdicts.push(verdictOf(build, experiment, result, healthy.get(experiment.id) ?? 0));
    } finally {
      await broken.stop();
    }
    tell(lineOf(verdicts.at(-1)));
  }
  return verdicts;
}

/** What a judge also finds where a system merely hangs, whatever hangs there. */
const FOUND_IN_A_HANG: readonly Invariant[] = ['I2', 'I7', 'I11', 'I14'];

function verdictOf(build: Build, { id, title }: Experiment, result: Result, healthyViolations: number): BuildVerdict {
  const { name, broken, harms, isEndless = false } = build;
  const found = new Set(result.violations.map(({ invariant }) => invariant));
  const proves = (invariant: Invariant) => result.rested || isEndless || !FOUND_IN_A_HANG.includes(invariant);
  const invariants = (Object.keys(INVARIANTS) as Invariant[]).filter((invariant) => found.has(invariant));
  return {
    name,
    broken,
    experiment: { id, title },
    isCaught: harms.some((invariant) => found.has(invariant) && proves(invariant)),
    invariants,
    orders: result.orders,
    firstVictim: firstVictim(result),
    healthyViolations,
  };
}

function firstVictim({ dir, violations }: Result): number | null {
  // One that broke off has left none.
  if (!existsSync(join(dir, 'meta.json'))) return null;
  const victims = new Set(violations.map(({ orderId }) => orderId));
  const orders = readEvidence(dir).orders.toSorted((a, b) => a.createdAt - b.createdAt);
  const index = orders.findIndex(({ orderId }) => victims.has(orderId));
  return index < 0 ? null : index + 1;
}

/** Whether every build was caught, by experiments that find nothing against the product itself. */
export function areAllCaught(verdicts: readonly BuildVerdict[]): boolean {
  return verdicts.every(({ isCaught, healthyViolations }) => isCaught && healthyViolations === 0);
}

function lineOf(verdict: BuildVerdict | undefined): string {
  if (!verdict) return '';
  const { name, isCaught, experiment, invariants, firstVictim: victim } = verdict;
  const what = isCaught ? `caught by ${experiment.id}: ${invariants.join(' ')}, order ${victim}` : 'NOT CAUGHT';
  return `${isCaught ? '✓' : '✗'} ${name}: ${what}`;
}

const HEADERS = ['build', 'what is broken', 'caught by', 'laws found broken', 'at order', 'the product in the same'];

/** A page for docs/. */
export function caughtPage(verdicts: readonly BuildVerdict[], about: string): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const rows = verdicts.map(({ name, broken, experiment, isCaught, invariants, firstVictim: victim, ...rest }) => [
    `\`${name}\``,
    broken,
    isCaught ? `${experiment.id}: ${experiment.title}` : '**not caught**',
    invariants.join(' '),
    victim === null ? '–' : `${victim} of ${rest.orders}`,
    `${rest.healthyViolations} violations`,
  ]);
  const caught = verdicts.filter(({ isCaught }) => isCaught).length;
  return [
    '# Broken builds, and what caught them',
    '',
    `${about} Each build is the product with one deliberate bug; each is run through one experiment, and so is the product itself. A`,
    'build is caught when the judge finds a law broken that this bug harms. A crash does not count, nor does what is found in any system that',
    'comes to no rest, but where an order that nothing can end is the harm itself (`stray-statements`).',
    'Where a rule of the schema would have kept the bug from doing harm, the build takes that rule away too, and says so.',
    '',
    line(HEADERS),
    line(HEADERS.map(() => '---')),
    ...rows.map(line),
    '',
    `\`chaos: ${caught} of ${verdicts.length} broken builds caught\``,
    '',
  ].join('\n');
}
