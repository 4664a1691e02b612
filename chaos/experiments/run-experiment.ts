import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { seconds } from '../../stack/progress.ts';
import { judge, outcomesIn, type Verdict } from '../checker/judge.ts';
import { RECOVERY_MS } from '../checker/laws/recovery.ts';
import type { Meta } from '../checker/witnesses.ts';
import { exportEvidence, writeMeta } from '../evidence/export.ts';
import { type History, openHistory, type Turn } from '../evidence/history.ts';
import { exportLogs, markLogs } from '../evidence/logs.ts';
import { planOrders } from '../load/plan.ts';
import { shapeOf } from '../load/shape.ts';
import { PROCESSES } from '../system/fleet.ts';
import type { System } from '../system/system.ts';
import type { Experiment, Stage } from './experiment.ts';
import { lastFaultIn, watchRecovery } from './recovery.ts';
import { asShipped, heal, keepUp, lastSeq, untilRested } from './rest.ts';
import { createStage } from './stage.ts';

export interface Result {
  readonly orders: number;
  readonly outcomes: Readonly<Record<string, number>>;
  readonly violations: Verdict['violations'];
  /** What took effect too late because the network had kept it: see {@link Verdict}. */
  readonly deliveredLate: number;
  readonly id: string;
  readonly title: string;
  readonly seed: number;
  readonly faults: number;
  readonly recoveryMs: number | null;
  readonly rested: boolean;
  readonly seconds: number;
  readonly dir: string;
}

export interface RunOptions {
  readonly seed: number;
  /** Where the evidence goes. */
  readonly dir: string;
  readonly timeScale: number;
  readonly isQuick: boolean;
  readonly orders?: number;
  /** Told of what takes long, while it does. */
  readonly tell?: (text: string) => void;
}

const PULSE_MS = 60_000;
/** How many of an experiment's requests are sent once more at rest, when their orders have ended. */
const REPEATED_AT_REST = 5;

/**
 * Runs experiments on a running system, each with its own orders: load and faults side by side, one after another. Then all is
 * healed, comes to rest, and is judged; several together share that end, and with it one folder of evidence.
 */
export async function runExperiments(
  system: System,
  experiments: readonly Experiment[],
  options: RunOptions,
): Promise<Result[]> {
  const { seed, dir, timeScale } = options;
  mkdirSync(dir, { recursive: true });
  const history = openHistory(dir);
  system.listen((what, detail) => history.add({ kind: 'system', at: Date.now(), what, detail }));
  const beganAt = Date.now();
  const afterSeq = await lastSeq(system);
  const logMark = markLogs(logsOf(system));
  const turn: NoteTurn = (what, experiment = experiments.map(({ id }) => id).join('+'), detail = {}) =>
    history.add({ kind: 'turn', experiment, at: Date.now(), what, detail });
  // Whoever is noted as frozen or killed is known to others by its id.
  for (const name of PROCESSES)
    history.add({ kind: 'system', at: beganAt, what: 'process.runs', detail: { name, pid: system.fleet.pidOf(name) } });
  const { stages, healedAt, recoveryMs } = await actAll(system, experiments, history, options, turn);
  const accepted = acceptedIn(history);
  const orderIds = await placedSince(system, beganAt);
  const rested = await untilRested(system, { orderIds, afterSeq, healedAt, timeScale });
  turn(rested ? 'rested' : 'gave_up');
  if (rested) for (const stage of stages) await repeatAtRest(stage);

  await exportEvidence(system, dir, { orderIds, since: beganAt, afterSeq });
  await exportLogs(dir, logsOf(system), logMark);
  const experimentsRun = experiments.map(({ id }) => id);
  const planned = stages.flatMap((stage) => stage.planned());
  await writeMeta(
    dir,
    metaOf(system, {
      experiments: experimentsRun,
      seed,
      timeScale,
      beganAt,
      healedAt,
      rested,
      recoveryMs,
      planned: planned.length,
      patient: planned.filter(({ isPatient }) => isPatient).map(({ body }) => body.idempotency_key),
    }),
  );
  const verdict = judge(dir);
  await asShipped(system);
  const seconds = Math.round((Date.now() - beganAt) / 1_000 / experiments.length);
  return experiments.map((experiment) => ({
    ...shareOf(experiment, verdict, { history, accepted, isLast: experiment === experiments.at(-1) }),
    seed,
    recoveryMs,
    rested,
    seconds,
    dir,
  }));
}

/** Those of our processes, and of the services that see what we send them. */
function logsOf({ fleet, services, logDir }: System): string[] {
  const ours = services.list.map(({ name }) => name).filter((name) => name !== 'simulator');
  return [...fleet.logFiles, ...ours.map((name) => join(logDir, `${name}.log`))];
}

/** The result of an experiment that could not be carried through: nothing was shown by it, which is no success. */
export function brokenOff({ id, title }: Experiment, { seed, dir }: RunOptions, error: unknown): Result {
  const text = `the experiment broke off: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
  const violations = [{ invariant: 'I14' as const, orderId: null, text }];
  return {
    id,
    title,
    seed,
    dir,
    violations,
    deliveredLate: 0,
    orders: 0,
    outcomes: {},
    faults: 0,
    recoveryMs: null,
    rested: false,
    seconds: 0,
  };
}

type NoteTurn = (what: Turn['what'], experiment?: string, detail?: Readonly<Record<string, unknown>>) => void;

/** One after another, and then all is healed; with what that took. */
async function actAll(
  system: System,
  experiments: readonly Experiment[],
  history: History,
  options: RunOptions,
  turn: NoteTurn,
): Promise<{ stages: readonly Stage[]; healedAt: number; recoveryMs: number | null }> {
  const stages: Stage[] = [];
  const watch = watchRecovery(system, Date.now());
  try {
    for (const experiment of experiments) {
      const stage = await act(system, experiment, history, options);
      stages.push(stage);
      if (experiment !== experiments.at(-1)) {
        await keepUp(stage);
        turn('ended', experiment.id);
      } else await heal(stage);
    }
    const healedAt = Date.now();
    turn('healed');
    const recoveryMs = await watch.recovered(lastFaultIn(history, healedAt), healedAt + RECOVERY_MS);
    if (recoveryMs !== null) turn('recovered', undefined, { recoveryMs });
    return { stages, healedAt, recoveryMs };
  } finally {
    await watch.end();
  }
}

/** Load, market and faults of one experiment, until all three are done. */
async function act(system: System, experiment: Experiment, history: History, options: RunOptions): Promise<Stage> {
  const { id, title } = experiment;
  const { seed, timeScale, isQuick, tell = () => {} } = options;
  const shape = shapeOf(experiment.load, options);
  const { windowMs } = shape;
  const stage = createStage({ system, experiment: id, history, seed, timeScale, isQuick, windowMs, tell });
  tell(`… ${id} seed ${seed}: ${title}`);
  const beganAt = performance.now();
  const pulse = setInterval(
    () => tell(`  … ${id} after ${seconds(beganAt)}: ${stage.placed().length} orders placed`),
    PULSE_MS,
  ).unref();
  await system.simulator.seed(stage.diceOf('simulator').between(0, 2 ** 31));
  await stage.market.away();
  // The api judges an order by a quote that may be an interval old: it shall see this market, not the last experiment's.
  await stage.sleep(1_000 * Number(system.settings['RATE_REFRESH_SECONDS']));
  history.add({ kind: 'turn', experiment: id, at: Date.now(), what: 'began', detail: { seed, title } });
  const runId = `${id}-${seed}-${Date.now().toString(36)}`;
  const plans = planOrders(shape, system.customers, stage.diceOf('plan'), runId);
  try {
    const acts = [stage.place(plans), (experiment.moveMarket ?? crossInTheMiddle)(stage), experiment.run(stage)];
    // Where one fails the others come to their end first: a loop that goes on would break the next system.
    await Promise.allSettled(acts);
    await Promise.all(acts);
    await stage.asidesEnd();
    await system.desk.settled();
  } finally {
    clearInterval(pulse);
  }
  return stage;
}

/** What of a verdict belongs to one of the experiments that share it; what belongs to no order is told with the last of them. */
function shareOf(
  { id, title }: Experiment,
  verdict: Verdict,
  { history, accepted, isLast }: { history: History; accepted: ReadonlyMap<string, string>; isLast: boolean },
): Pick<Result, 'id' | 'title' | 'orders' | 'outcomes' | 'violations' | 'deliveredLate' | 'faults'> {
  const isOurs = (orderId: string | null) => {
    const owner = orderId === null ? undefined : accepted.get(orderId);
    return owner === undefined ? isLast : owner === id;
  };
  const statuses = verdict.statuses.filter(({ orderId }) => accepted.get(orderId) === id);
  return {
    id,
    title,
    orders: statuses.length,
    outcomes: outcomesIn(statuses),
    violations: verdict.violations.filter(({ orderId }) => isOurs(orderId)),
    deliveredLate: isLast ? verdict.deliveredLate : 0,
    faults: history.entries.filter((it) => it.kind === 'fault' && it.phase !== 'end' && it.experiment === id).length,
  };
}

async function crossInTheMiddle({ market, sleep, windowMs }: Stage): Promise<void> {
  await sleep(windowMs / 2);
  await market.cross();
}

/** All orders there are since, whether or not anybody was told of them. */
async function placedSince({ db }: System, since: number): Promise<string[]> {
  const rows = await db<{ orderId: string }[]>`
    select order_id from orders where created_at >= ${db.typed.instant(since)}`;
  return rows.map(({ orderId }) => orderId);
}

/** A key keeps its order for as long as that is stored: long past its expiry, too. */
async function repeatAtRest({ diceOf, placed }: Stage): Promise<void> {
  const some = diceOf('at rest').shuffled(placed()).slice(0, REPEATED_AT_REST);
  for (const { calls, plan } of some) await calls.create(plan.body);
}

/** The orders that were answered 201 or 200, each with the experiment that placed it. */
function acceptedIn(history: History): Map<string, string> {
  const accepted = new Map<string, string>();
  for (const entry of history.entries) {
    if (entry.kind !== 'operation' || entry.operation !== 'create' || (entry.status ?? 500) >= 300) continue;
    if (entry.orderId !== null) accepted.set(entry.orderId, entry.experiment);
  }
  return accepted;
}

type Settled =
  | 'sendMarginMs'
  | 'quoteMarginMs'
  | 'httpDeadlineMs'
  | 'refreshMs'
  | 'callsPerSecond'
  | 'attemptsPerHour'
  | 'minExpiryMs'
  | 'maxStopGapBps'
  | 'secrets'
  | 'accounts';

function metaOf(system: System, turn: Omit<Meta, Settled>): Meta {
  const { settings, customers, secrets } = system;
  return {
    ...turn,
    sendMarginMs: Number(settings['SEND_MARGIN_SECONDS']) * 1_000,
    quoteMarginMs: (Number(settings['QUOTE_MARGIN_SECONDS']) * 1_000) / turn.timeScale,
    httpDeadlineMs: 10_000 / turn.timeScale,
    refreshMs: Number(settings['RATE_REFRESH_SECONDS']) * 1_000,
    callsPerSecond: Number(settings['CONDUIT_CALLS_PER_SECOND']),
    attemptsPerHour: Number(settings['MAX_ATTEMPTS_PER_HOUR']),
    minExpiryMs: Number(settings['MIN_EXPIRY_SECONDS']) * 1_000,
    maxStopGapBps: Number(settings['MAX_STOP_GAP_BPS']),
    secrets,
    accounts: customers.flatMap(({ accounts }) => Object.values(accounts)),
  };
}
