// I13: the provider is not flooded, and is left alone when it asks to be.
import type { FaultNote } from '../../evidence/history.ts';
import { type Evidence, groupBy, type OrderRow, orderOf } from '../evidence.ts';
import { operationsOf } from '../told.ts';
import { broken, type Violation } from '../verdict.ts';
import type { Request } from '../witnesses.ts';

export function judgeEffort(evidence: Evidence): Violation[] {
  return [...judgeOrders(evidence), ...judgePace(evidence), ...judgeSilence(evidence), ...judgeWatching(evidence)];
}

/** Attempts, sends and the first, close look-ups of an order; later ones are half a minute apart, and twice that for what wakes them. */
const CALLS_AT_LEAST = 30;
const LOOK_UP_EVERY_S = 15;

/** Of one order: far more than its look-ups is a loop. */
function judgeOrders({ orders, requests, meta }: Evidence): Violation[] {
  const calls = groupBy(requests, ({ reference }) => orderOf(reference));
  const endsAt = Math.max(meta.healedAt, ...requests.map(({ atMs }) => atMs));
  return orders.flatMap(({ orderId, createdAt }) => {
    const made = calls.get(orderId)?.length ?? 0;
    const livedS = ((endsAt - createdAt) / 1_000) * meta.timeScale;
    const due = CALLS_AT_LEAST + Math.ceil(livedS / LOOK_UP_EVERY_S);
    return made > due ? [broken('I13', orderId, `${made} calls for one order, ${due} at most were due`)] : [];
  });
}

const WINDOW_MS = 10_000;
/** Each activity of the limited queue may ask for a page or a transaction more; the api's quotes are not in it. */
const CALLS_PER_ACTIVITY = 2;

/** In total: at no time for long more than the workers allow themselves. */
function judgePace({ requests, meta }: Evidence): Violation[] {
  if (meta.callsPerSecond === undefined) return [];
  const due = (meta.callsPerSecond * CALLS_PER_ACTIVITY * WINDOW_MS) / 1_000;
  const times = requests.map(({ atMs }) => atMs).toSorted((a, b) => a - b);
  const first = times.findIndex((at, index) => (times[index + due] ?? Number.POSITIVE_INFINITY) < at + WINDOW_MS);
  if (first < 0) return [];
  return [broken('I13', null, `more than ${due} calls within ${WINDOW_MS / 1_000} s of ${times[first]}`)];
}

/** A call that was under way when the 429 was answered does no harm; one that began after this does. */
const GATE_MS = 1_000;
/** What strikes a process, or the database, so shortly before keeps the answer from being heard, or told. */
const STRIKE_MS = 5_000;

/** None before the end of a `Retry-After` that somebody could hear. */
function judgeSilence({ requests, history }: Evidence): Violation[] {
  const strikes = strikesIn(history).map(({ at }) => at);
  const isHeard = ({ atMs }: Request) => !strikes.some((at) => at > atMs - STRIKE_MS && at < atMs + GATE_MS);
  const limited = requests.filter((it) => it.status === 429 && it.retryAfter !== undefined && isHeard(it));
  return limited.flatMap(({ atMs, retryAfter }) => {
    const until = atMs + Number(retryAfter) * 1_000;
    const early = requests.filter((one) => one.atMs > atMs + GATE_MS && one.atMs < until);
    const [first] = early;
    if (!first) return [];
    const text = `${early.length} calls before the end of a Retry-After of ${retryAfter} s, first ${first.operation}`;
    return [broken('I13', null, `${text} after ${first.atMs - atMs} ms`)];
  });
}

/** A tick that was late is followed by one that is not; a worker that dies or wakes may leave one more. */
const TICKS_MORE = 2;
/** The guard asks again where a rate jumped. */
const QUOTES_A_LOOK = 2;
/** A look whose row moved on meanwhile is not written down. */
const LOOKS_UNSEEN = 2;

/**
 * One indicative quote a pair and interval, two where the guard asks again. Those that were good are observations; of the others we
 * only know how many there were, so all quotes together are held against what the ticks, the looks and the creations may have asked.
 */
function judgeWatching(evidence: Evidence): Violation[] {
  const { observations, events, requests, orders, meta, history } = evidence;
  const strikes = strikesIn(history).filter(({ phase }) => phase !== 'end').length;
  const ticksIn = (ms: number) => Math.floor(ms / meta.refreshMs) + 1 + TICKS_MORE + strikes;
  const violations: Violation[] = [];
  for (const [pair, seen] of groupBy(observations, (it) => it.pair)) {
    const due = ticksIn(spanOf(seen.map(({ observedAt }) => observedAt)));
    if (seen.length > due)
      violations.push(broken('I13', null, `${seen.length} quotes watched ${pair}, ${due} were due`));
  }
  const looks = groupBy(
    events.filter(({ event }) => event === 'looked' || event === 'attempt_prepared'),
    ({ orderId }) => orderId,
  );
  for (const [orderId, its] of looks) {
    const due = ticksIn(spanOf(its.map(({ occurredAt }) => occurredAt)));
    if (its.length > due)
      violations.push(broken('I13', orderId, `it was looked at ${its.length} times, ${due} were due`));
  }
  const quotes = requests.filter(({ operation }) => operation === 'quotes.create');
  const creations = operationsOf(evidence).filter(({ operation }) => operation === 'create').length;
  const ticks = new Set(quotes.map(({ pair }) => pair)).size * ticksIn(spanOf(quotes.map(({ atMs }) => atMs)));
  const looked = sum(orders, ({ orderId }) => (looks.get(orderId)?.length ?? 0) + LOOKS_UNSEEN);
  const due = QUOTES_A_LOOK * (ticks + looked + creations);
  if (quotes.length > due) violations.push(broken('I13', null, `${quotes.length} quotes, ${due} at most were due`));
  return violations;
}

function sum(orders: readonly OrderRow[], of: (order: OrderRow) => number): number {
  return orders.reduce((total, order) => total + of(order), 0);
}

function spanOf(times: readonly number[]): number {
  return times.length === 0 ? 0 : times.reduce((a, b) => Math.max(a, b)) - times.reduce((a, b) => Math.min(a, b));
}

/** What was done to our own parts; what the provider answered strangely is noted with the rule that did it. */
function strikesIn(history: Evidence['history']): FaultNote[] {
  return history.filter((entry) => entry.kind === 'fault').filter(({ detail }) => !detail?.['action']);
}
