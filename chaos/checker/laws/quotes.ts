// I13: nobody asks for a quote without a reason.
import { canonical, isPlain } from '../decimals.ts';
import { type Evidence, groupBy, isTerminal } from '../evidence.ts';
import type { EventRow } from '../rows.ts';
import { endsIn, outagesIn, strikesIn, struckIn } from '../strikes.ts';
import { operationsOf } from '../told.ts';
import { broken, type Violation } from '../verdict.ts';

const QUOTES = 'quotes.create';
/** What strikes a process so shortly before may have cost it a tick, or made it ask anew. */
const STRIKE_MS = 5_000;
/** A tick that was late is followed by one that is not; a worker that dies or wakes may leave one more. */
const TICKS_MORE = 2;
/** A look is written down, and a creation answered, so long after its quote at most. */
const TOLD_WITHIN_MS = 5_000;
/** Who looks has read the row before it asks: what ends the order in between comes before the quote. */
const ASKED_WITHIN_MS = 2_000;
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
  const reasons = isTamperedWith(evidence.ledger) ? judgeCount(evidence, ticksIn, pieceMs) : judgeReasons(evidence);
  return [...violations, ...reasons];
}

/** How many ticks of a pair are due between two times. */
type TicksIn = (from: number, to: number) => number;

/**
 * Each quote is named by what it was for: an observation, a look, a creation, an attempt. One that is not needs somebody who may have
 * asked for it in vain.
 */
function judgeReasons(evidence: Evidence): Violation[] {
  const { ledger, observations, attempts, events } = evidence;
  const named = new Set<unknown>([
    ...[...observations, ...attempts].map(({ quoteId }) => quoteId),
    ...events.flatMap(({ detail }) => [detail['quote'], detail['quote_id']]),
  ]);
  const excuses = excusesIn(evidence);
  const outages = outagesIn(evidence.history);
  const vain = ledger.flatMap(({ event, quoteId, at, options }) => {
    if (event !== 'quote.created' || named.has(quoteId)) return [];
    const quote = { at: Date.parse(at), amount: canonical(options?.[0]?.priced.totalDebit.amount ?? '') };
    if (outages.some(({ from, until }) => quote.at >= from && quote.at <= until)) return [];
    const index = excuses.findIndex((fits) => fits(quote));
    if (index >= 0) excuses.splice(index, 1);
    return index >= 0 ? [] : [quote];
  });
  const [first] = vain;
  if (!first) return [];
  const text = `${vain.length} quotes were for no look, creation or tick`;
  return [broken('I13', null, `${text}, the first of ${first.amount} at ${new Date(first.at).toISOString()}`)];
}

/** Whether this may be why a quote has no name. Each is good for one. */
type Excuse = (quote: { readonly at: number; readonly amount: string }) => boolean;

/** What a process had asked for, in the activities and requests that it had under way, when it was struck. */
const LOST_WITH_A_STRIKE = 3;

function excusesIn(evidence: Evidence): Excuse[] {
  const amounts = new Map(evidence.orders.map(({ orderId, amount }) => [orderId, canonical(amount)]));
  const isAround = (at: number, quoteAt: number) => at >= quoteAt - ASKED_WITHIN_MS && at <= quoteAt + TOLD_WITHIN_MS;
  const lastAt = evidence.ledger.map(({ at }) => Date.parse(at)).reduce((a, b) => Math.max(a, b), 0);
  const struckAt = [...struckIn(evidence.history), ...endsIn(evidence.history)].map(({ at }) => at);
  // Those first that fit one amount: what fits any is left for who has no other.
  return [
    // A creation that came to nothing, or was the second of two at once.
    ...creationsIn(evidence)
      .filter(({ status, replayed }) => status !== 201 || replayed)
      .map(({ request, beganAt, endedAt }): Excuse => {
        const amount = request?.['amount'];
        return (quote) =>
          isPlain(amount) &&
          canonical(amount) === quote.amount &&
          quote.at >= beganAt &&
          quote.at <= endedAt + TOLD_WITHIN_MS;
      }),
    // A look whose order was ended meanwhile, or changed by somebody else than its run, is not written down; one whose quote could
    // not be used tells why in its place, and one that the guard did not believe had two.
    ...evidence.events.flatMap(({ orderId, occurredAt, ...event }) =>
      Array.from(
        { length: quotesWithoutName(event) },
        (): Excuse => (quote) => amounts.get(orderId) === quote.amount && isAround(occurredAt, quote.at),
      ),
    ),
    // The guard asks again where a rate has jumped, and says so.
    ...evidence.guardAlerts.map(
      (at): Excuse =>
        (quote) =>
          Math.abs(quote.at - at) <= TOLD_WITHIN_MS,
    ),
    ...struckAt.flatMap((at) =>
      Array.from({ length: LOST_WITH_A_STRIKE }, (): Excuse => (quote) => Math.abs(quote.at - at) <= STRIKE_MS),
    ),
    // Asked for when the evidence was taken: of each pair one at most.
    ...[...new Set(evidence.observations.map(({ pair }) => pair))].map(
      (): Excuse => (quote) => lastAt - quote.at <= TOLD_WITHIN_MS,
    ),
  ];
}

function quotesWithoutName({ event, status, actor, detail }: Omit<EventRow, 'orderId' | 'occurredAt'>): number {
  const word = event === 'looked' && typeof detail['quote'] === 'string' ? detail['quote'] : 'qte_';
  if (!word.startsWith('qte_')) return word.startsWith('suspect') ? 2 : 1;
  return overtakesALook({ event, status, actor }) ? 1 : 0;
}

/** Where quotes were tampered with, all together are held against those who may have had a reason to ask. */
function judgeCount(evidence: Evidence, ticksIn: TicksIn, pieceMs: number): Violation[] {
  const quotes = evidence.requests.filter(({ operation }) => operation === QUOTES);
  const pairs = new Set(quotes.map(({ pair }) => pair)).size;
  const creations = creationsIn(evidence);
  return piecesOf(
    quotes.map(({ atMs }) => atMs),
    pieceMs,
  ).flatMap(({ from, to, times }) => {
    const until = to + TOLD_WITHIN_MS;
    const isIn = (at: number) => at >= from && at <= until;
    const looked = evidence.events.filter((it) => (isLook(it) || overtakesALook(it)) && isIn(it.occurredAt)).length;
    const created = creations.filter(({ beganAt, endedAt }) => beganAt <= until && endedAt >= from).length;
    const again = evidence.guardAlerts.filter(isIn).length;
    const due = pairs * ticksIn(from, to) + looked + created + again;
    return times.length > due ? [broken('I13', null, `${times.length} quotes, ${due} at most were due`)] : [];
  });
}

const creationsIn = (evidence: Evidence) => operationsOf(evidence).filter(({ operation }) => operation === 'create');

/** Whether a rule was armed that a quote might meet, or quotes had another's time: what it does to quotes may hide a tick. */
function isTamperedWith(ledger: Evidence['ledger']): boolean {
  const uses = (route: string) => ledger.filter(({ event, what }) => event === 'control.used' && what === route);
  const meetsQuotes = ({ match: { operation = QUOTES } = {} }: ArmedRule) => [operation].flat().includes(QUOTES);
  return (
    uses('POST /_sim/faults').some(({ with: rules }) => [rules as ArmedRule[]].flat().some(meetsQuotes)) ||
    uses('PATCH /_sim/knobs').some(({ with: knobs }) => Boolean((knobs as { dateSkewMs?: number }).dateSkewMs))
  );
}

const isLook = ({ event }: EventRow) => event === 'looked' || event === 'attempt_prepared';

/** A look whose order was ended meanwhile, or changed by somebody else than its run, is not written down: what ended or changed it is. */
function overtakesALook({ event, status, actor }: Pick<EventRow, 'event' | 'status' | 'actor'>): boolean {
  return isTerminal(status) || (actor !== 'workflow' && event !== 'accepted');
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
