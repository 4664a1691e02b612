import { appendFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { judge, type Verdict } from '../checker/judge.ts';
import { exportEvidence, writeMeta } from '../evidence/export.ts';
import { type History, openHistory } from '../evidence/history.ts';
import { createMarket } from '../load/market.ts';
import { type LoadShape, planOrders } from '../load/plan.ts';
import { randomFrom } from '../load/random.ts';
import { type PlacedOrder, runLoad } from '../load/run-load.ts';
import type { System } from '../system/system.ts';
import type { Experiment, Stage } from './experiment.ts';
import { heal, untilRecovered, untilRested } from './rest.ts';

export interface Result extends Verdict {
  readonly id: string;
  readonly title: string;
  readonly seed: number;
  readonly faults: number;
  readonly recoveryMs: number | null;
  readonly rested: boolean;
  readonly seconds: number;
  readonly dir: string;
}

const LOAD: LoadShape = { orders: 60, windowMs: 18_000 };

/** Runs one experiment on a running system: load and faults side by side, heal, rest, evidence, verdict. */
export async function runExperiment(
  system: System,
  experiment: Experiment,
  { seed, dir, timeScale, orders }: { seed: number; dir: string; timeScale: number; orders?: number },
): Promise<Result> {
  const { id, title } = experiment;
  mkdirSync(dir, { recursive: true });
  const history = openHistory(dir);
  const beganAt = Date.now();
  const afterSeq = await lastSeq(system);
  const shape = { ...LOAD, ...(orders === undefined ? {} : { orders }), ...experiment.load };
  const stage = createStage({ system, experiment: id, history, seed, timeScale, windowMs: shape.windowMs });
  await stage.market.away();
  history.add({ kind: 'turn', experiment: id, at: beganAt, what: 'began', detail: { seed, title } });

  const plans = planOrders(shape, system.customers, stage.random, `${id}-${seed}-${beganAt.toString(36)}`);
  await Promise.all([stage.place(plans), (experiment.moveMarket ?? crossInTheMiddle)(stage), experiment.run(stage)]);
  await heal(stage);
  const healedAt = Date.now();
  history.add({ kind: 'turn', experiment: id, at: healedAt, what: 'healed' });
  const orderIds = acceptedIn(history);
  const recoveryMs = await untilRecovered(system, orderIds, healedAt);
  if (recoveryMs !== null)
    history.add({ kind: 'turn', experiment: id, at: Date.now(), what: 'recovered', detail: { recoveryMs } });
  const rested = await untilRested(system, orderIds, healedAt);
  history.add({ kind: 'turn', experiment: id, at: Date.now(), what: rested ? 'rested' : 'gave_up' });

  await exportEvidence(system, dir, { orderIds, since: beganAt, afterSeq });
  await writeMeta(dir, metaOf(system, { id, title, seed, timeScale, beganAt, healedAt, rested, recoveryMs }));
  const verdict = judge(dir);
  const faults = history.entries.filter((entry) => entry.kind === 'fault' && entry.phase !== 'end').length;
  return {
    id,
    title,
    seed,
    ...verdict,
    faults,
    recoveryMs,
    rested,
    seconds: Math.round((Date.now() - beganAt) / 1_000),
    dir,
  };
}

async function lastSeq({ simulator }: System): Promise<number> {
  return (await simulator.ledger()).at(-1)?.seq ?? 0;
}

async function crossInTheMiddle({ market, sleep: wait, windowMs }: Stage): Promise<void> {
  await wait(windowMs / 2);
  await market.cross();
}

function createStage(
  given: Pick<Stage, 'system' | 'experiment' | 'history' | 'timeScale' | 'windowMs'> & { seed: number },
): Stage {
  const { system, experiment, history, seed } = given;
  const random = randomFrom(`${experiment}:${seed}`);
  const placed: PlacedOrder[] = [];
  const note = (what: string, phase: 'begin' | 'end' | 'once', detail?: Readonly<Record<string, unknown>>) =>
    history.add({ kind: 'fault', experiment, at: Date.now(), what, phase, ...(detail ? { detail } : {}) });
  return {
    ...given,
    random,
    market: createMarket(system.simulator),
    note: (what, detail) => note(what, 'once', detail),
    async during(what, ms, begin, end) {
      note(what, 'begin', { ms: Math.round(ms) });
      await begin();
      await sleep(ms);
      await end();
      note(what, 'end');
    },
    sleep: (ms) => sleep(ms),
    placed: () => placed,
    async place(plans) {
      const those = await runLoad(
        { apiUrl: system.apiUrl, experiment, history, customers: system.customers, random },
        plans,
        (order) => void placed.push(order),
      );
      return those;
    },
  };
}

function acceptedIn(history: History): string[] {
  const ids = history.entries.flatMap((entry) =>
    entry.kind === 'operation' && entry.operation === 'create' && (entry.status ?? 500) < 300
      ? (entry.orderId ?? [])
      : [],
  );
  return [...new Set(ids)];
}

function metaOf(system: System, turn: Record<string, unknown> & { id: string; timeScale: number }) {
  const { settings, customers, secrets, fleet } = system;
  const { id: experiment, ...rest } = turn;
  return {
    experiment,
    ...rest,
    sendMarginMs: Number(settings['SEND_MARGIN_SECONDS']) * 1_000,
    httpDeadlineMs: 10_000 / turn.timeScale,
    refreshMs: Number(settings['RATE_REFRESH_SECONDS']) * 1_000,
    secrets,
    accounts: customers.flatMap(({ accounts }) => Object.values(accounts)),
    logFiles: fleet.logFiles,
  };
}

/** One line a result, so that a run that was interrupted goes on after the last of them. */
export function keepResult(file: string, result: Result): void {
  appendFileSync(file, `${JSON.stringify(result)}\n`);
}

export const evidenceDir = (dir: string, id: string, seed: number) => join(dir, `${id}-${seed}`);
