// I13: the provider is not flooded, and is left alone when it asks to be.
import { type Evidence, groupBy, isTerminal, orderOf } from '../evidence.ts';
import type { AttemptRow, EventRow, OrderRow } from '../rows.ts';
import { strikesIn } from '../strikes.ts';
import { operationsOf } from '../told.ts';
import { broken, type Violation } from '../verdict.ts';
import type { Request } from '../witnesses.ts';

export function judgeEffort(evidence: Evidence): Violation[] {
  return [...judgeOrders(evidence), ...judgePace(evidence), ...judgeSilence(evidence), ...judgeWatching(evidence)];
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

/** A tick that was late is followed by one that is not; a worker that dies or wakes may leave one more. */
const TICKS_MORE = 2;
/** The guard asks again where a rate jumped. */
const QUOTES_A_LOOK = 2;
/** A look is written down, and a creation answered, so long after its quote at most. */
const TOLD_WITHIN_MS = 5_000;
/** Watched in pieces of so many intervals: what is due in a long run would hide what is not in a short time of it. */
const INTERVALS_A_PIECE = 30;

/**
 * One indicative quote a pair and interval, two where the guard asks again. Those that were good are observations; of the others we
 * only know how many there were, so all quotes together are held against what the ticks, the looks and the creations may have asked.
 */
function judgeWatching(evidence: Evidence): Violation[] {
  const { observations, events, meta, history } = evidence;
  const strikes = strikesIn(history).map(({ at }) => at);
  const ticksIn = (from: number, to: number) => {
    const struck = strikes.filter((at) => at > from - STRIKE_MS && at <= to).length;
    return Math.floor((to - from) / meta.refreshMs) + 1 + TICKS_MORE + struck;
  };
  const pieceMs = INTERVALS_A_PIECE * meta.refreshMs;
  const violations: Violation[] = [];
  for (const [pair, seen] of groupBy(observations, (it) => it.pair))
    for (const piece of piecesOf(
      seen.map(({ observedAt }) => observedAt),
      pieceMs,
    )) {
      const due = ticksIn(piece.from, piece.to);
      if (piece.times.length > due)
        violations.push(broken('I13', null, `${piece.times.length} quotes watched ${pair}, ${due} were due`));
    }
  const looks = groupBy(events.filter(isLook), ({ orderId }) => orderId);
  for (const [orderId, its] of looks)
    for (const piece of piecesOf(
      its.map(({ occurredAt }) => occurredAt),
      pieceMs,
    )) {
      const due = ticksIn(piece.from, piece.to);
      if (piece.times.length > due)
        violations.push(broken('I13', orderId, `it was looked at ${piece.times.length} times, ${due} were due`));
    }
  return [...violations, ...judgeQuotes(evidence, ticksIn, pieceMs)];
}

function judgeQuotes(evidence: Evidence, ticksIn: (from: number, to: number) => number, pieceMs: number): Violation[] {
  const quotes = evidence.requests.filter(({ operation }) => operation === 'quotes.create');
  const pairs = new Set(quotes.map(({ pair }) => pair)).size;
  const creations = operationsOf(evidence).filter(({ operation }) => operation === 'create');
  return piecesOf(
    quotes.map(({ atMs }) => atMs),
    pieceMs,
  ).flatMap(({ from, to, times }) => {
    const until = to + TOLD_WITHIN_MS;
    const looked = evidence.events
      .filter((event) => isLook(event) || mayHideALook(event))
      .filter(({ occurredAt }) => occurredAt >= from && occurredAt <= until).length;
    const created = creations.filter(({ beganAt, endedAt }) => beganAt <= until && endedAt >= from).length;
    const due = QUOTES_A_LOOK * (pairs * ticksIn(from, to) + looked + created);
    return times.length > due ? [broken('I13', null, `${times.length} quotes, ${due} at most were due`)] : [];
  });
}

const isLook = ({ event }: EventRow) => event === 'looked' || event === 'attempt_prepared';

/** A look whose order was ended meanwhile, or changed by somebody else than its run, is not written down: what ended or changed it is. */
function mayHideALook({ event, status, actor }: EventRow): boolean {
  return isTerminal(status) || (actor !== 'workflow' && event !== 'accepted');
}

interface Piece {
  readonly from: number;
  readonly to: number;
  readonly times: readonly number[];
}

/** The times in pieces that each begin with one of them and last so long at most. */
function piecesOf(times: readonly number[], pieceMs: number): Piece[] {
  const pieces: { from: number; to: number; times: number[] }[] = [];
  for (const at of times.toSorted((a, b) => a - b)) {
    const last = pieces.at(-1);
    if (last && at < last.from + pieceMs) {
      last.to = at;
      last.times.push(at);
    } else pieces.push({ from: at, to: at, times: [at] });
  }
  return pieces;
}

function latest(times: readonly number[], atLeast: number): number {
  return times.reduce((a, b) => Math.max(a, b), atLeast);
}
