// What waiting and doing cost in events: Temporal ends a run at 51,200 of them, and each is stored and replayed. Each figure is counted
// in the stored histories; the budget above it leaves room for one piece of news that comes in between, and for no new habit.
import { expect, test } from '@jest/globals';
import { ENV_SCHEMA } from '../../src/config.ts';
import { ownLookInMs } from '../../src/domain/timing.ts';
import { type Step, stepsOf } from './shape.ts';
import { readHistory, type StoredHistory, storedNames } from './stored.ts';

/**
 * A piece of news that changes nothing: the signal, the three events of a workflow task, the timer that is taken back, the record, and
 * the timer that is set again.
 */
const NEWS = 7;

/**
 * Between the plan and its end, 9: activity scheduled, timer to the next deadline set, activity started, activity completed, three of a
 * workflow task, timer taken back, record.
 */
const ERRAND = 9;

/** Of a sleep and its end, 6: timer set, timer fired, three of a workflow task, record. */
const SLEEP = 6;

/**
 * From the start to `executed`, measured 66 to 78:
 * 6 the start, three of a workflow task, the first record, the status shown;
 * 27 look, create and execute, 1 the status shown;
 * 15 the look-up that finds the claim, after a sleep;
 * 15 the look-up that finds the end, after a sleep or a webhook's signal;
 * 2 the status shown, the end.
 * Woken out of a sleep by the sweep it is 8 more, and a second webhook at once is 1.
 */
const START_TO_EXECUTED = { measured: 78, budget: 78 + NEWS };

/** A workflow task in two parts: the record was slow, or an operator's query came upon it. */
const SPLIT_TASK = 3;

/** A firm look that misses, measured 16: the signal, three of a task, the timer taken back, the record, the look (9), the timer set. */
const MISS = { measured: 1 + 3 + 1 + 1 + ERRAND + 1, budget: 16 + SPLIT_TASK };

/** A day of waiting, measured 15: the sleep (6) and the daily look (9). No event beside it. */
const IDLE_DAY = { measured: SLEEP + ERRAND, budget: 15 + SPLIT_TASK };

/** A look-up that finds nothing new, measured 15: the sleep (6) and the look-up (9). */
const LOOK_UP = { measured: SLEEP + ERRAND, budget: 15 + SPLIT_TASK };

/**
 * From a reply that proves nothing to the same key sent again, to the cancel at Conduit or to what the look-ups found: at most four
 * look-ups (60) and what is left of the two errands (18), measured 14 to 78. A look-up in place of another is brought by a signal.
 */
const UNKNOWN = { measured: 78, budget: 78 + NEWS };

/** A key that is used up without any reply: sent three times, eleven look-ups, the cancel and the look-up that reads its effect. */
const SPENT_KEY = { measured: 217, budget: 217 + 2 * NEWS };

/** Temporal's own: a run is ended at the first, and a new one suggested at the second. */
const LIMIT = 51_200;
const NEW_RUN_SUGGESTED_AT = 4_096;

const DAY_MS = 86_400_000;

const histories = storedNames().map((name) => [name, readHistory(name)] as const);
const stepsOfName = (name: string) => stepsOf(readHistory(name));

interface Stretch {
  readonly words: readonly string[];
  readonly events: number;
}

/** The run from the timer of one sleep to the timer of the next one. */
function stretchesOf(history: StoredHistory): Stretch[] {
  const steps = stepsOf(history);
  const asleep = steps.flatMap((step, index) => (isSleep(step) && isQuiet(steps.slice(0, index)) ? [index] : []));
  return asleep.slice(1).map((index, nth) => {
    const from = asleep[nth] ?? 0;
    return {
      words: steps.slice(from + 1, index + 1).map(({ word }) => word),
      events: timerAfter(history, steps[index]) - timerAfter(history, steps[from]),
    };
  });
}

/** The event at which the sleep that a record plans begins; a new status is shown before it. */
function timerAfter({ events }: StoredHistory, step: Step | undefined): number {
  const timer = events.slice(step?.eventId).find(({ eventType }) => eventType === 'EVENT_TYPE_TIMER_STARTED');
  return Number(timer?.eventId);
}

const isSleep = ({ word }: Step) => word.includes(':waits_for_');

/** Whether every activity that was scheduled has come back. */
function isQuiet(steps: readonly Step[]): boolean {
  const count = (pattern: RegExp) => steps.filter(({ word }) => pattern.test(word)).length;
  return count(/^(takeFirmLook|send\w+|lookUpAttempt)\?$/) === count(/^(takeFirmLook|send\w+|lookUpAttempt)[=!]/);
}

const isAll = (words: readonly string[], ...patterns: readonly RegExp[]) =>
  words.length === patterns.length && patterns.every((pattern, i) => pattern.test(words[i] ?? ''));

/** Every stretch of the stored runs that consists of just these steps. */
const stretchesLike = (...patterns: readonly RegExp[]) =>
  histories.flatMap(([, history]) => stretchesOf(history).filter(({ words }) => isAll(words, ...patterns)));

/** The least is what is measured, so that a budget is never kept by runs that grew together with it. */
function expectWithin(stretches: readonly Stretch[], { measured, budget }: typeof MISS): void {
  const costs = stretches.map(({ events }) => events);
  expect(Math.min(...costs)).toBe(measured);
  expect(Math.max(...costs)).toBeLessThanOrEqual(budget);
}

test.each(['executed-after-waiting', 'executed-at-once', 'executed-by-crossing', 'executed-by-look-ups-alone'])(
  '%s: from the start to executed within its budget',
  (name) => {
    const { events } = readHistory(name);
    expect(events.length).toBeGreaterThanOrEqual(START_TO_EXECUTED.measured - 12);
    expect(events.length).toBeLessThanOrEqual(START_TO_EXECUTED.budget);
  },
);

test('a firm look that misses costs what a look costs, and nothing afterwards', () => {
  const misses = stretchesLike(
    /^signal:rateCrossed$/,
    /=watching:look$/,
    /^takeFirmLook\?$/,
    /^takeFirmLook=rate_not_met$/,
    /:waits_for_rate$/,
  );
  expect(misses.length).toBeGreaterThanOrEqual(5);
  expectWithin(misses, MISS);
});

test('a day of waiting costs one look: an open order writes no event beside it', () => {
  const days = stretchesOf(readHistory('expired-after-own-looks')).slice(0, -1);
  expect(days.length).toBeGreaterThanOrEqual(4);
  expectWithin(days, IDLE_DAY);
  for (const { words } of days)
    expect(words).toEqual([
      'timer',
      'advanceOrder=watching:look',
      'takeFirmLook?',
      'takeFirmLook=rate_not_met',
      'advanceOrder=watching:waits_for_rate',
    ]);
});

test('a look-up in vain costs what a look-up costs', () => {
  const lookUps = stretchesLike(
    /^timer$/,
    /:look_up$/,
    /^lookUpAttempt\?$/,
    /^lookUpAttempt=(absent|pending|claimed|unavailable|ambiguous)/,
    /:waits_for_look_up$/,
  );
  expect(lookUps.length).toBeGreaterThanOrEqual(30);
  expectWithin(lookUps, LOOK_UP);
});

/** From each send without a reply that proves anything to what came of it, in events. */
function unknownsOf(steps: readonly Step[]): number[] {
  return steps.flatMap((step, index) => {
    if (!/^send(Create|Execute)(=unknown|=exists|!timed_out)/.test(step.word)) return [];
    const next = steps
      .slice(index + 1)
      .find(({ word }) => /^send\w+\?$|\[(adopt|close|fence)|:done$|=terminal|=claimed/.test(word));
    return next ? [next.eventId - step.eventId] : [];
  });
}

test('a send whose effect is unknown stays within its budget until it is sent again or known', () => {
  const unknowns = histories.flatMap(([, history]) => unknownsOf(stepsOf(history)));
  expect(unknowns.length).toBeGreaterThanOrEqual(15);
  expect(Math.max(...unknowns)).toBeGreaterThanOrEqual(UNKNOWN.measured - 2 * NEWS);
  expect(Math.max(...unknowns)).toBeLessThanOrEqual(UNKNOWN.budget);
});

test('a key that is used up without any reply stays within its budget', () => {
  const steps = stepsOfName('executed-after-spent-key');
  const at = (word: string) => steps.find((step) => step.word.startsWith(word))?.eventId ?? Number.NaN;
  const cost = at('advanceOrder[close_without_effect]') - at('sendExecute=unknown');
  expect(cost).toBeGreaterThanOrEqual(SPENT_KEY.measured - 2 * NEWS);
  expect(cost).toBeLessThanOrEqual(SPENT_KEY.budget);
});

// Under a pause an order looks about once an hour instead: such a run, and one that misses again and again, goes on as a new one.
test('an order that waits as long as one may, and is then executed, stays far from the end that Temporal sets', () => {
  const days = ENV_SCHEMA.shape.MAX_EXPIRY_DAYS.parse(undefined);
  expect(days).toBe(180);
  // The jitter at its shortest: a look every 22 hours.
  const looks = Math.ceil((days * DAY_MS) / ownLookInMs(0));
  const events = START_TO_EXECUTED.budget + looks * IDLE_DAY.budget + SPENT_KEY.budget + UNKNOWN.budget;
  expect(events).toBeLessThan(NEW_RUN_SUGGESTED_AT);
  expect(events).toBeLessThan(LIMIT / 10);
});
