import { beforeAll, expect, jest, test } from '@jest/globals';
import fc from 'fast-check';
import type { OrderOutcome } from '../../../src/workflows/messages.ts';
import { histories } from '../../unit/simulation/generator.ts';
import type { History } from '../../unit/simulation/history.ts';
import { KEPT } from '../../unit/simulation/regressions.ts';
import { PROTOCOL } from '../../unit/simulation/rules.ts';
import { simulate } from '../../unit/simulation/simulate.ts';
import { historyAt, howToKeep } from '../../unit/simulation/telling.ts';
import { harmfulParts, keptParts } from './kept.ts';
import type { Play } from './play.ts';
import { createTheatre, type Performance } from './theatre.ts';

/*
 * The histories of test/unit/simulation, and the real workflow: Temporal's runs, signals, cancellations, retries, continue-as-new and
 * timers, where that one has a loop of its own. Activities are backed by the same rows and the same modelled Conduit, and the same
 * laws are asked.
 *
 * SEED=7 RUNS=1000 npm test -- --selectProjects workflow --testPathPatterns simulation
 * SEED=7 AT=12 plays the thirteenth of them alone.
 */

jest.setTimeout(Math.max(180_000, 1_000 * Number(process.env['RUNS'] ?? 0)));

const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
const at = process.env['AT'];
const runs = at === undefined ? Number(process.env['RUNS'] ?? 200) : 1;
/** As many as share the clock at a time. */
const AT_ONCE = 50;

let theatre: Awaited<ReturnType<typeof createTheatre>>;
beforeAll(async () => {
  theatre = await createTheatre();
});

/** A claim that takes hours, or hours between two commands, cost hundreds of look-ups here and show nothing new. */
const MOST_MS = 60_000;
const MOST_TASKS = 150;

function shortened({ terms, commands }: History): History {
  const settleMs = Math.min(terms.conduit.settleMs, MOST_MS);
  return {
    terms: { ...terms, conduit: { ...terms.conduit, settleMs } },
    commands: commands.map(({ when, deed }) => ({ when: { ...when, ms: Math.min(when.ms, MOST_MS) }, deed })),
  };
}

const short = histories.map(shortened).filter((history) => simulate(history).tasks <= MOST_TASKS);

/** Of 200: far fewer than there are, enough to notice that something is no longer met. */
const LEAST = {
  executed: 20,
  expired: 10,
  cancelled: 10,
  failed: 3,
  adopted: 8,
  resends: 5,
  crashed: 10,
  continued: 2,
};

test('what was kept breaks no law on the real workflow', async () => {
  const parts = keptParts(MOST_TASKS);
  expect(parts.length).toBeGreaterThan(0.9 * KEPT.length);

  const performances = await theatre.performAll(parts);
  const failures = performances.flatMap(({ play, outcome }, place) => {
    const fault = faultOf(play, outcome);
    return fault === null ? [] : [[`${parts[place]?.name}: ${fault}`, ...play.trace].join('\n')];
  });
  if (failures.length > 0) throw new Error(failures.join('\n\n'));
});

test(`${runs} random histories of the real workflow break no law, and every run completes`, async () => {
  const all = at === undefined ? fc.sample(short, { seed, numRuns: runs }) : [historyAt(short, seed, at)];
  const performances = await performInTurn(all);

  const failures = performances.flatMap(({ play, outcome }, place) => {
    const fault = faultOf(play, outcome);
    return fault === null ? [] : [report(play, fault, at ?? `${place}`)];
  });
  if (failures.length > 0) throw new Error(failures.join('\n\n'));

  const met = metIn(performances);
  if (process.env['SIMULATION'] === 'show') process.stdout.write(`SEED=${seed}: ${JSON.stringify(met)}\n`);
  if (runs < 200) return;
  const dull = Object.entries(LEAST).filter(([what, least]) => (met[what] ?? 0) < least);
  expect(dull.map(([what, least]) => `${what}: ${met[what] ?? 0} instead of ${least}, SEED=${seed}`)).toEqual([]);
});

async function performInTurn(all: readonly History[]): Promise<Performance[]> {
  const performances: Performance[] = [];
  for (let place = 0; place < all.length; place += AT_ONCE) {
    const parts = all.slice(place, place + AT_ONCE).map((history) => ({ history, rules: PROTOCOL }));
    const played = await theatre.performAll(parts).catch((cause: unknown) => {
      throw new Error(`${String(cause)}; ${parts.length} histories from place ${place} of SEED=${seed}`, { cause });
    });
    performances.push(...played);
  }
  return performances;
}

// A check that cannot fail is a defect: what breaks a law without a rule must break it here too.
test('what was kept breaks a law on the real workflow as soon as its rule is dropped', async () => {
  const parts = harmfulParts();
  // As many as there are: this may grow, and not shrink.
  expect(parts.length).toBeGreaterThanOrEqual(12);

  const performances = await theatre.performAll(parts);

  const harmless = performances.flatMap(({ play }, place) =>
    play.finish() === null ? [[parts[place]?.name, ...play.trace].join('\n')] : [],
  );
  expect(harmless).toEqual([]);
});

function report({ world: { history }, trace }: Play, fault: string, path: string): string {
  return [
    fault,
    `see it again: SEED=${seed} AT=${path} npm test -- --selectProjects workflow --testPathPatterns simulation`,
    howToKeep(history, `${fault} (workflow, SEED=${seed})`),
    ...trace,
  ].join('\n');
}

function metIn(performances: readonly Performance[]): Record<string, number> {
  const met: Record<string, number> = {};
  const count = (what: string, isSo = true) => {
    if (isSo) met[what] = (met[what] ?? 0) + 1;
  };
  for (const { play, outcome, isContinued } of performances) {
    count(outcome.status);
    count('continued', isContinued);
    count('crashed', play.crashes > 0);
    count('cancel refused', play.world.tables.order.cancelRefusedAt !== null);
    count('several attempts', play.world.tables.attempts.length > 1);
    for (const [what, times] of Object.entries(play.world.counts)) count(what, times > 0);
  }
  return met;
}

function faultOf(play: Play, outcome: OrderOutcome): string | null {
  const breach = play.finish();
  if (breach !== null) return breach;
  const { status, reason } = play.world.tables.order;
  if (outcome.status === status && outcome.reason === reason) return null;
  return `the run says ${outcome.status} (${outcome.reason}), the row ${status} (${reason})`;
}
