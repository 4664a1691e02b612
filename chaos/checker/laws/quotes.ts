// I13: nobody asks for a quote without a reason.
import { canonical, isPlain } from '../decimals.ts';
import { type Evidence, groupBy, isTerminal } from '../evidence.ts';
import type { EventRow } from '../rows.ts';
import { strikesIn } from '../strikes.ts';
import { operationsOf } from '../told.ts';
import { broken, type Violation } from '../verdict.ts';

const QUOTES = 'quotes.create';
/** What strikes a process so shortly before may have cost it a tick, or made it ask anew. */
const STRIKE_MS = 5_000;
/** A tick that was late is followed by one that is not; a worker that dies or wakes may leave one more. */
const TICKS_MORE = 2;
/** A look is written down, and a creation answered, so long after its quote at most. */
const TOLD_WITHIN_MS = 5_000;
/** Watched in pieces of so many intervals: what is due in a long run would hide what is not in a short time of it. */
const INTERVALS_A_PIECE = 30;

/** One indicative quote a pair and interval. Those that were good are observations, and looks are events. */
export function judgeWatching(evidence: Evidence): Violation[] {
  const { observations, events, meta, history } = evidence;
  const strikes = strikesIn(history).map(({ at }) => at);
  const ticksIn: TicksIn = (from, to) => {
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
  return [...violations, ...judgeQuotes(evidence, ticksIn, pieceMs), ...judgeReasons(evidence)];
}

/** How many ticks of a pair are due between two times. */
type TicksIn = (from: number, to: number) => number;

/** All quotes together are held against those who may have had a reason to ask. */
function judgeQuotes(evidence: Evidence, ticksIn: TicksIn, pieceMs: number): Violation[] {
  const quotes = evidence.requests.filter(({ operation }) => operation === QUOTES);
  const pairs = new Set(quotes.map(({ pair }) => pair)).size;
  const creations = creationsIn(evidence);
  return piecesOf(
    quotes.map(({ atMs }) => atMs),
    pieceMs,
  ).flatMap(({ from, to, times }) => {
    const until = to + TOLD_WITHIN_MS;
    const isIn = (at: number) => at >= from && at <= until;
    const looked = evidence.events.filter((it) => mayBeALook(it) && isIn(it.occurredAt)).length;
    const created = creations.filter(({ beganAt, endedAt }) => beganAt <= until && endedAt >= from).length;
    const again = evidence.guardAlerts.filter(isIn).length;
    const due = pairs * ticksIn(from, to) + looked + created + again;
    return times.length > due ? [broken('I13', null, `${times.length} quotes, ${due} at most were due`)] : [];
  });
}

/**
 * Where nothing was struck, and no quote tampered with, each is known by its amount: it was for an order's look, for its creation, or for
 * a tick, which leaves an observation. The guard asks again where a rate jumped, and says so.
 */
function judgeReasons(evidence: Evidence): Violation[] {
  const { history, ledger, orders, events, observations, guardAlerts } = evidence;
  if (strikesIn(history).length > 0 || isTamperedWith(ledger)) return [];
  const amounts = new Map(orders.map(({ orderId, amount }) => [orderId, canonical(amount)]));
  const reasons = [
    ...events.filter(mayBeALook).map(({ orderId }) => amounts.get(orderId) ?? null),
    ...creationsIn(evidence).map(({ request }) => {
      const amount = request?.['amount'];
      return isPlain(amount) ? canonical(amount) : null;
    }),
  ];
  const due = groupBy(reasons, (amount) => amount);
  const asked = groupBy(ledger, ({ event, options }) =>
    event === 'quote.created' && options?.[0] ? canonical(options[0].priced.totalDebit.amount) : null,
  );
  let left = 0;
  for (const [amount, its] of asked) left += Math.max(0, its.length - (due.get(amount)?.length ?? 0));
  const pairs = new Set(observations.map(({ pair }) => pair)).size;
  const ticks = observations.length + pairs * TICKS_MORE + guardAlerts.length;
  return left > ticks
    ? [broken('I13', null, `${left} quotes were for no look and no creation, ${ticks} were due`)]
    : [];
}

const creationsIn = (evidence: Evidence) => operationsOf(evidence).filter(({ operation }) => operation === 'create');

/** Whether a rule was armed that a quote might meet: what it does to quotes may hide a tick. */
function isTamperedWith(ledger: Evidence['ledger']): boolean {
  const armings = ledger.filter(({ event, what }) => event === 'control.used' && what === 'POST /_sim/faults');
  return armings.some(({ with: rules }) =>
    [rules as ArmedRule[]].flat().some(({ match: { operation = QUOTES } = {} }) => [operation].flat().includes(QUOTES)),
  );
}

const isLook = ({ event }: EventRow) => event === 'looked' || event === 'attempt_prepared';

/** A look whose order was ended meanwhile, or changed by somebody else than its run, is not written down: what ended or changed it is. */
function mayBeALook(row: EventRow): boolean {
  const { event, status, actor } = row;
  return isLook(row) || isTerminal(status) || (actor !== 'workflow' && event !== 'accepted');
}

interface ArmedRule {
  /** Without an operation it may meet any of them. */
  readonly match?: { readonly operation?: string | readonly string[] };
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
