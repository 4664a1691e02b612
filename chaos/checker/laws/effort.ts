// I13: the provider is not flooded, and is left alone when it asks to be.
import { type Evidence, groupBy, orderOf } from '../evidence.ts';
import type { AttemptRow, OrderRow } from '../rows.ts';
import { strikesIn } from '../strikes.ts';
import { broken, type Violation } from '../verdict.ts';
import type { Request } from '../witnesses.ts';

export function judgeEffort(evidence: Evidence): Violation[] {
  return [...judgeOrders(evidence), ...judgePace(evidence), ...judgeSilence(evidence)];
}

/** Attempts, sends and the first, close look-ups of an order; later ones are half a minute apart, and twice that for what wakes them. */
const CALLS_AT_LEAST = 30;
const LOOK_UP_EVERY_S = 15;

/** Of one order: far more than its look-ups is a loop. It lives until it and all that it may have left at the provider have ended. */
function judgeOrders({ orders, attempts, requests, meta }: Evidence): Violation[] {
  const calls = groupBy(requests, ({ reference }) => orderOf(reference));
  const attemptsOf = groupBy(attempts, ({ orderId }) => orderId);
  return orders.flatMap((order) => {
    const { orderId, createdAt } = order;
    const its = calls.get(orderId) ?? [];
    const endsAt =
      endOf(order, attemptsOf.get(orderId) ?? []) ??
      latest(
        its.map(({ atMs }) => atMs),
        meta.healedAt,
      );
    const livedS = ((endsAt - createdAt) / 1_000) * meta.timeScale;
    const due = CALLS_AT_LEAST + Math.ceil(livedS / LOOK_UP_EVERY_S);
    return its.length > due
      ? [broken('I13', orderId, `${its.length} calls for one order, ${due} at most were due`)]
      : [];
  });
}

/** Null while it, or an orphan of it, is open. */
function endOf({ closedAt }: OrderRow, attempts: readonly AttemptRow[]): number | null {
  const ends = attempts.map((it) => (it.orphanUntil === null ? it.closedAt : it.orphanClosedAt));
  return [closedAt, ...ends].reduce((a, b) => (a === null || b === null ? null : Math.max(a, b)));
}

const WINDOW_MS = 10_000;
/** Each activity of the limited queue may ask for a page or a transaction more; the api's quotes are not in it. */
const CALLS_PER_ACTIVITY = 2;

/** In total: at no time for long more than the workers allow themselves. */
function judgePace({ requests, meta }: Evidence): Violation[] {
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

function latest(times: readonly number[], atLeast: number): number {
  return times.reduce((a, b) => Math.max(a, b), atLeast);
}
