// A3: a search for an answer that the API must not give.
import { setImmediate } from 'node:timers/promises';
import fc from 'fast-check';
import type { Stage } from '../../experiments/experiment.ts';
import { inTurns, told } from '../isolation.ts';
import { readReplies } from '../raw-http.ts';
import { productRoutes } from '../routes.ts';
import { placeFor } from '../victims.ts';
import { openBook } from './book.ts';
import { KNOWN, unasked } from './known.ts';
import { KNOWN_NOISE, noise } from './nonsense.ts';
import { type Fault, NO_QUOTE } from './oracle.ts';
import { openRange } from './range.ts';
import { creations, deliveries, requests } from './requests.ts';
import { describeShot } from './shot.ts';
import { openSlowClients } from './slow.ts';

const SEARCH_MS = 22_000;
const QUICK_SEARCH_MS = 8_000;
/** More than fit into the time: it is what ends a search, and this only what bounds it. */
const MAX_RUNS = 4_000;
/** Those that wait for an answer in vain come to few. */
const SHOTS_AT_LEAST = 5;
/** Tries to make a request that was answered wrongly smaller. */
const MAX_SHRINKS = 150;
const SLOW_OF_EACH = 3;
const NOISES = 3;
/** The answer to what is too large can be lost. */
const MAX_TRIES = 4;
/** Nothing limits the calls to the provider here, so that only a machine too busy for a quote in time explains any. */
const MAX_LATE_QUOTES = 3;

type Fire<What> = (what: What) => Promise<{ faults: readonly Fault[] }>;

export async function searchForFaults(stage: Stage): Promise<void> {
  const { system, expect, note, isQuick } = stage;
  const [customer, other] = system.customers;
  if (!customer || !other) throw new Error('the search takes two customers');
  const routes = productRoutes();
  const pid = system.fleet.pidOf('api');
  const [own, foreign] = await Promise.all([
    placeFor(stage, customer, { rate: 'never' }),
    placeFor(stage, other, { rate: 'never' }),
  ]);
  const book = await openBook(stage, customer);
  const places = {
    key: customer.apiKey,
    user: customer.userId,
    own: own.orderId,
    foreign: foreign.orderId,
    other: other.userId,
  };
  const range = openRange({ system, places, book });
  const slow = openSlowClients(`http://127.0.0.1:${system.env['API_PORT']}`, SLOW_OF_EACH);
  note('clients that never come to an end', { count: slow.count });

  expect(
    unasked(routes).length === 0,
    'I14',
    `nobody asks ${unasked(routes)
      .map(({ path }) => path)
      .join()} for anything`,
  );
  await inTurns([
    ...KNOWN.map(([due, shot]) => async () => {
      let { reply, faults } = await range.fire(shot);
      for (let tries = 1; !reply && tries < MAX_TRIES; tries += 1) ({ reply, faults } = await range.fire(shot));
      expect(told(reply) === due, 'I14', `answered ${told(reply)}, and not ${due}: ${describeShot(shot)}`);
      for (const { invariant, text } of faults) expect(false, invariant, `${text}; asked was ${describeShot(shot)}`);
    }),
    ...KNOWN_NOISE.map((one) => async () => {
      const { faults } = await range.make(one);
      for (const { invariant, text } of faults) expect(false, invariant, `${text}; sent was ${describeShot(one)}`);
    }),
  ]);
  note('known requests', { count: KNOWN.length + KNOWN_NOISE.length });

  const ms = isQuick ? QUICK_SEARCH_MS : SEARCH_MS;
  await Promise.all([
    search(stage, 'creates', creations(routes), range.fire, ms),
    search(stage, 'requests', requests(routes), range.fire, ms),
    search(stage, 'webhooks', deliveries(routes), range.fire, ms),
    // Most of them are waited for in vain: several at a time cost nothing.
    ...Array.from({ length: NOISES }, () => search(stage, 'noise', noise, range.make, ms)),
  ]);
  // Who takes too long is told so: it is no outage of ours.
  for (const reply of slow.end().flatMap((heard) => readReplies(heard).replies)) {
    expect(told(reply) === '408 request_timeout', 'I14', `a client that never came to an end was told ${told(reply)}`);
    for (const { invariant, text } of range.judge(reply)) expect(false, invariant, `${text}; to a slow client`);
  }
  const late = range.counts.get(NO_QUOTE) ?? 0;
  expect(
    late <= MAX_LATE_QUOTES,
    'I14',
    `${late} answers were ${NO_QUOTE}, and nothing kept the provider from quoting`,
  );
  note('answers', { ...Object.fromEntries(range.counts), ordersMade: book.orders, webhooksKept: book.events });

  await Promise.all([own, foreign].map(({ calls, orderId }) => calls.cancel(orderId)));
  expect(system.fleet.pidOf('api') === pid, 'I14', 'the api ended and was started again');
  const unready = await system.fleet.unready('api');
  expect(unready?.length === 0, 'I14', `afterwards the api is not ready: ${unready?.join() ?? 'it does not answer'}`);
  const ready = await fetch(`${system.apiUrl}/health/ready`).catch(() => null);
  expect(ready?.status === 200, 'I14', `afterwards /health/ready is ${ready?.status ?? 'not answered'}`);
  for (const text of await book.untold()) expect(false, 'I6', text);
}

/** Fires until the time is over; the first answer that is wrong is told with the smallest request that brings it. */
async function search<What extends object>(
  stage: Stage,
  name: string,
  things: fc.Arbitrary<What>,
  fire: Fire<What>,
  ms: number,
): Promise<void> {
  const seed = stage.random.between(0, 2_147_483_647);
  let fired = 0;
  let wrong: { readonly what: What; readonly faults: readonly Fault[] } | null = null;
  let shrinks = 0;
  let underWay: Promise<unknown> = Promise.resolve();
  const property = fc.asyncProperty(things, async (what) => {
    if (wrong !== null) shrinks += 1;
    if (shrinks > MAX_SHRINKS) return;
    fired += 1;
    const answer = fire(what);
    underWay = answer;
    const { faults } = await answer;
    if (faults.length === 0) return;
    wrong = { what, faults };
    throw new Error(faults[0]?.text);
  });
  await fc.check(property, {
    seed,
    numRuns: MAX_RUNS,
    interruptAfterTimeLimit: ms,
    markInterruptAsFailure: false,
  });
  // The end of the time does not wait for the last answer; what it says counts all the same.
  await underWay.catch(() => {});
  await setImmediate();
  stage.note(`a search: ${name}`, { seed, fired });
  stage.struck(fired >= SHOTS_AT_LEAST, `the search for ${name} fired only ${fired} times`);
  const found = wrong as { what: What; faults: readonly Fault[] } | null;
  if (!found) return;
  for (const { invariant, text } of found.faults)
    stage.expect(false, invariant, `${text}; asked was ${describeShot(found.what)} (${name}, seed ${seed})`);
}
