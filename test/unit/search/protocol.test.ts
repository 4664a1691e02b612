import { expect, test } from '@jest/globals';
import { planFor } from './hands.ts';
import { BOUNDS, type Bounds, LEAST, PROTOCOL } from './rules.ts';
import { search } from './search.ts';
import { shortest, textOfAttempt } from './short-form.ts';
import { type AttemptState, FIRST_ORDER, isLive, type OrderState } from './state.ts';
import { isLong, LONG_TIMEOUT_MS, told } from './told.ts';
import { World } from './world.ts';

/*
 * An explicit search of the transfer protocol: the real `decide`, what `src/db` does under the order's lock (said again in small), and
 * Conduit, with every order of every event: sends frozen between permit and bytes, messages lost, late and doubled, look-ups that
 * lag, a hand that carries out an old plan, a customer's cancel, pauses, and the clock. Nothing is sampled: within its bounds each
 * search visits every state there is.
 *
 * `SEARCH=long npm run test:unit -- --testPathPatterns search` widens the bounds to fifteen million states (about six minutes of one core and 2 GB) and
 * prints figures and paths; `SEARCH=show` prints them for the quick form.
 */

const EVERYTHING: Partial<Bounds> = {
  hasPause: true,
  hasCreateRefusals: true,
  hasAccountChange: true,
  hasLongOptions: true,
  ends: ['failed', 'failed_otherwise', 'failed_quietly', 'cancelled_by_other'],
};

const QUICK: [string, Bounds][] = [
  ['one attempt, its sends repeated', { ...LEAST, creates: 2, executes: 2 }],
  ['one attempt, what may disturb it', { ...LEAST, ...EVERYTHING, hasAccountChange: false }],
  ['two attempts', { ...LEAST, attempts: 2, hasStaleHand: false, hasLag: false }],
];

const LONG: [string, Bounds][] = [
  ['one attempt, its sends repeated under two keys, everything that may disturb it', { ...BOUNDS, ...EVERYTHING }],
  ['two attempts, their sends repeated under two keys', { ...BOUNDS, attempts: 2 }],
];

test.each(isLong ? [...QUICK, ...LONG] : QUICK)(
  'the protocol breaks no law and is never stuck: %s',
  (name, bounds) => {
    const result = search(PROTOCOL, bounds);
    told(name, result);

    expect(result.finding).toBeNull();
    // A search that never gets to an end would prove nothing.
    expect([...result.statuses].sort()).toEqual([
      'cancelled',
      'executed',
      'executing',
      'expired',
      'failed',
      'watching',
    ]);
    expect(result.states).toBeGreaterThan(50_000);
  },
  LONG_TIMEOUT_MS,
);

test('when somebody else executes our order at Conduit, the row follows and is never stuck', () => {
  const bounds: Bounds = { ...LEAST, hasForeignClaim: true, hasStaleHand: false };
  const result = search(PROTOCOL, bounds, { sought: /^stuck/ });
  told('a foreign claim', result);

  expect(result.finding).toBeNull();
});

test('the short form of a state has the plan of the long one', () => {
  const met = new Map<string, AttemptState>();
  const noting = (a: AttemptState) => {
    met.set(textOfAttempt(a), a);
    return shortest(a);
  };
  const bounds: Bounds = { ...LEAST, ...EVERYTHING, hasPause: false, hasStaleHand: false };
  search(PROTOCOL, bounds, { world: new World(PROTOCOL, bounds, noting) });

  let differing = 0;
  for (const a of met.values()) {
    const short = shortest(a);
    if (!isLive(a) || textOfAttempt(short) === textOfAttempt(a)) continue;
    differing += 1;
    const status = a.status === 'executing' ? 'executing' : 'watching';
    for (const phase of [0, 1, 2] as const) {
      const order: OrderState = { ...FIRST_ORDER, status, phase, isCancelRefused: phase === 1 };
      expect(planFor(PROTOCOL, order, short)).toEqual(planFor(PROTOCOL, order, a));
    }
  }
  expect(differing).toBeGreaterThan(500);
});

test(
  'the search without the short form comes to the same verdict',
  () => {
    const bounds: Bounds = { ...LEAST, hasLag: false, hasStaleHand: isLong };
    const plain = search(PROTOCOL, bounds, { world: new World(PROTOCOL, bounds, (a) => a) });
    const short = search(PROTOCOL, bounds);

    told('without the short form', plain);
    expect(plain.finding).toBeNull();
    expect(plain.states).toBeGreaterThan(short.states);
    expect(plain.statuses).toEqual(short.statuses);
  },
  LONG_TIMEOUT_MS,
);
