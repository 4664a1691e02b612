import { findAtProvider } from '../../activities/lookups.ts';
import { lockTermsOf } from '../../activities/provider.ts';
import type { TransferDeps } from '../../activities/transfers.ts';
import { adoptAttempt, countLiveElsewhere, type LostAttempt, liveAttemptsOf } from '../../db/adopt.ts';
import { type AttemptRow, findAttempt } from '../../db/attempts.ts';
import { storeLookup } from '../../db/lookups.ts';
import { findOrder, type OrderRow } from '../../db/orders.ts';
import { followAgain } from '../../db/orphans.ts';
import { pairBook } from '../../db/rate-watch.ts';
import { OBSERVED, type Observed } from '../../domain/attempt.ts';
import { isAmount } from '../../domain/decimal.ts';
import { attemptReference } from '../../domain/ids.ts';
import { observedOf, type ProviderOrder, readLock } from '../../domain/provider-order.ts';
import { allInRate } from '../../domain/rate.ts';
import { CommandError } from '../command.ts';
import type { PatientAsk } from './conduit.ts';
import type { Listed, ListedAttempt } from './conduit-list.ts';

/** What became of one order at Conduit, or of one attempt that the list did not show. */
export const VERDICTS = {
  known: 'our row says as much',
  stored: 'the reading is stored: its run, or the pass over orphans, decides on it',
  adopted: 'the lost attempt is back, for its run to go on with',
  orphan: 'the lost attempt is back, closed: it is followed as an orphan',
  absent: 'Conduit shows no order for it',
  lost: 'its row is lost: it would be put back',
  newer: 'Conduit says more than our row: the reading would be stored',
  live: 'not in the list, and live: it would be looked up',
  not_ours: 'left alone',
  no_order: 'no such order here: not ours, left alone',
  ambiguous: 'two orders under one reference, nothing is stored: a person must look',
  elsewhere: 'our attempt belongs to another base URL or organisation, nothing is stored: a person must look',
  unread: 'Conduit could not be read for it, nothing further is stored: run the same command again',
  vanished: 'Conduit does not find the order that it had: a person must look',
} as const;
export type Verdict = keyof typeof VERDICTS;

/** Nobody may resume before these are settled. */
export const UNSETTLED: readonly Verdict[] = ['ambiguous', 'elsewhere', 'unread', 'vanished'];

export interface Finding {
  readonly verdict: Verdict;
  readonly reference: string | null;
  /** Conduit's ids and status, as far as they are known. */
  readonly theirs: string;
}

export interface AdoptionDeps extends TransferDeps, PatientAsk {
  readonly say: (finding: Finding) => void;
}

/** Live rows are read in pages of this size, so that any number of them passes. */
const PAGE = 200;

/**
 * Brings the rows up to what Conduit's list shows. First every row that is there learns what it does not know, also the live ones
 * that were created before the list begins; then lost rows are put back, an order's youngest attempt first, because only that
 * one can be live. With `isDryRun` nothing is stored, and Conduit is asked nothing more.
 */
export async function adoptListed(deps: AdoptionDeps, listed: Listed, isDryRun: boolean): Promise<void> {
  for (const { id, reference } of listed.foreign) deps.say({ verdict: 'not_ours', reference, theirs: id });
  const lost: { order: OrderRow; found: ListedAttempt }[] = [];
  for (const found of listed.ours) {
    const order = await findOrder(deps.db, found.orderId);
    const row = await findAttempt(deps.db, found.orderId, found.attempt);
    if (!order) tell(deps, found, 'no_order');
    else if (!row) lost.push({ order, found });
    else tell(deps, found, await compare(deps, order, row, found.orders, isDryRun));
  }
  await readLiveRows(deps, new Set(listed.ours.map(({ reference }) => reference)), isDryRun);
  lost.sort((a, b) => b.found.attempt - a.found.attempt);
  const youngest = youngestOf(listed.ours);
  for (const { order, found } of lost) {
    const isYoungest = found.attempt === youngest.get(order.id);
    const isTwin = found.orders.length > 1;
    tell(deps, found, isTwin ? 'ambiguous' : isDryRun ? 'lost' : await putBack(deps, order, found, isYoungest));
  }
}

/** Each order's youngest attempt that Conduit shows, whatever else is wrong with it. */
function youngestOf(ours: readonly ListedAttempt[]): ReadonlyMap<string, number> {
  const youngest = new Map<string, number>();
  for (const { orderId, attempt } of ours) youngest.set(orderId, Math.max(attempt, youngest.get(orderId) ?? 0));
  return youngest;
}

function tell({ say }: AdoptionDeps, { reference, orders }: ListedAttempt, verdict: Verdict): void {
  say({ verdict, reference, theirs: orders.map(inWords).join(', ') });
}

function inWords({ id, status, isClaimed }: ProviderOrder): string {
  return `${id} ${isClaimed ? 'claimed' : status}`;
}

/** A row that is there: whether it knows what Conduit's list says, and if not, the truth by a look-up of its own. */
async function compare(
  deps: AdoptionDeps,
  order: OrderRow,
  row: AttemptRow,
  [theirs, second]: readonly ProviderOrder[],
  isDryRun: boolean,
): Promise<Verdict> {
  if (!theirs) return 'absent';
  if (!isOfThisPlace(deps, row)) return 'elsewhere';
  if (second || (row.conduitOrderId !== null && row.conduitOrderId !== theirs.id)) return 'ambiguous';
  if (!isNews(row, theirs)) return 'known';
  return isDryRun ? 'newer' : learn(deps, order, row);
}

function isOfThisPlace({ baseUrl, organisation }: AdoptionDeps, row: AttemptRow): boolean {
  return row.baseUrl === baseUrl && row.organisation === organisation;
}

/** An attempt that was closed on Conduit's word has nothing left to learn. */
function isNews(row: AttemptRow, theirs: ProviderOrder): boolean {
  if (row.closedBy === 'reading') return false;
  return row.conduitOrderId === null || rankOf(observedOf(theirs)) > rankOf(row.observed);
}

function rankOf(observed: Observed | null): number {
  return observed === null ? -1 : OBSERVED.indexOf(observed);
}

/** Looks one attempt up and stores what is new, as its run would. */
async function learn(deps: AdoptionDeps, order: OrderRow, row: AttemptRow): Promise<Verdict> {
  const { db } = deps;
  const { now: begunAt } = await pairBook(db, order.pair);
  const found = await deps.tryToAsk(() => findAtProvider(deps, order, row));
  if (found === null) return 'unread';
  if (found.kind === 'ambiguous') return 'ambiguous';
  if (found.kind !== 'found') return row.conduitOrderId === null ? 'absent' : 'vanished';
  const { reading } = found;
  const before = await findAttempt(db, order.id, row.attempt);
  if (!before || (before.conduitOrderId !== null && before.conduitOrderId !== reading.order.id)) return 'ambiguous';
  if (!isNews(before, reading.order)) return 'known';
  // Before the reading: what is stored of a closed attempt must find somebody who follows it.
  if (before.closedBy === 'fence') await followAgain(db, order.id, row.attempt);
  const stored = await storeLookup(db, {
    orderId: order.id,
    attempt: row.attempt,
    result: observedOf(reading.order),
    begunAt,
    reading,
    nextLookupAt: begunAt,
  });
  return stored === 'stored' || stored === 'auto_execute' ? 'stored' : 'ambiguous';
}

/**
 * A restore also forgets the executes of attempts that Conduit has had for longer than the list reaches back: their runs would
 * close them as being without effect. So each live row is read.
 */
async function readLiveRows(deps: AdoptionDeps, done: ReadonlySet<string>, isDryRun: boolean): Promise<void> {
  for (let after: string | null = null; ; ) {
    const page: AttemptRow[] = await liveAttemptsOf(deps.db, deps, after, PAGE);
    for (const row of page.filter(({ reference }) => !done.has(reference))) {
      const order = await findOrder(deps.db, row.orderId);
      if (!order) continue;
      const verdict = isDryRun ? 'live' : await learn(deps, order, row);
      deps.say({ verdict, reference: row.reference, theirs: row.conduitOrderId ?? '' });
    }
    after = page.at(-1)?.orderId ?? null;
    if (page.length < PAGE || after === null) break;
  }
  const elsewhere = await countLiveElsewhere(deps.db, deps);
  if (elsewhere > 0) deps.say({ verdict: 'elsewhere', reference: null, theirs: `${elsewhere} live attempts` });
}

/** The reference is asked for once more: a twin may be older than the list, and the body is newer than the list's. */
async function putBack(
  deps: AdoptionDeps,
  order: OrderRow,
  { attempt, reference }: ListedAttempt,
  isYoungest: boolean,
): Promise<Verdict> {
  const { db, timing, baseUrl, organisation, sanity } = deps;
  const found = await deps.tryToAsk(() => deps.conduit.findOrders(reference));
  if (found === null) return 'unread';
  const [match, second] = found.orders;
  if (!match) return 'vanished';
  if (second) return 'ambiguous';
  const quoted = quotedBy(order, match.order);
  const lock = readLock(match.order, lockTermsOf(order, quoted, sanity));
  const adoption = await adoptAttempt(
    db,
    { orderId: order.id, attempt, baseUrl, organisation, isYoungest, order: match.order, lock, raw: match.raw, quoted },
    timing,
  );
  const row = await findAttempt(db, order.id, attempt);
  if (adoption !== 'live' || !row) return adoption === 'closed' ? 'orphan' : 'known';
  const learnt = await learn(deps, order, row);
  return UNSETTLED.includes(learnt) ? learnt : 'adopted';
}

/** The quote is lost with the row: Conduit's own amounts stand in for it, and where they cannot be read the order's terms do. */
function quotedBy(
  order: OrderRow,
  { id, quoteOptionId, totalDebit, destination }: ProviderOrder,
): LostAttempt['quoted'] {
  const isReadable = isAmount(totalDebit.amount) && isAmount(destination.amount);
  const debit = isReadable ? totalDebit.amount : order.amount;
  const recipient = isReadable ? destination.amount : order.amount;
  const rate = isReadable ? allInRate({ debit, recipient, destinationFee: '0' }) : order.targetRate;
  return {
    quoteOptionId: quoteOptionId ?? `adopted:${id}`,
    debit,
    recipient,
    allInRate: isAmount(rate) ? rate : order.targetRate,
  };
}

export interface Named {
  readonly orderId: string;
  readonly attempt: number;
  readonly conduitOrderId: string;
}

/** Tells an attempt which order at Conduit is its own: a person has looked, or its id was lost. Throws {@link CommandError}. */
export async function adoptNamed(deps: AdoptionDeps, { orderId, attempt, conduitOrderId }: Named): Promise<Finding> {
  const reference = attemptReference(orderId, attempt);
  const order = await findOrder(deps.db, orderId);
  if (!order) throw new CommandError(`There is no order ${orderId} here.`);
  const row = await findAttempt(deps.db, orderId, attempt);
  if (!row) {
    throw new CommandError(
      `Order ${orderId} has no attempt ${attempt} here. A lost one is put back by: npm run admin -- adopt --since …`,
    );
  }
  if (!isOfThisPlace(deps, row)) {
    throw new CommandError(
      `Attempt ${attempt} belongs to ${row.organisation} at ${row.baseUrl}, and this command asks ${deps.organisation} at ${deps.baseUrl}.`,
    );
  }
  if (row.conduitOrderId !== null && row.conduitOrderId !== conduitOrderId)
    throw new CommandError(`Attempt ${attempt} already has the order ${row.conduitOrderId}: nothing was changed.`);
  const reply = await deps.ask(() => deps.conduit.getOrder(conduitOrderId));
  if (reply.kind === 'absent') throw new CommandError(`Conduit has no order ${conduitOrderId}: nothing was changed.`);
  if (reply.order.reference !== reference) {
    throw new CommandError(
      `${conduitOrderId} has the reference ${reply.order.reference ?? '(none)'}, not ${reference}: nothing was changed.`,
    );
  }
  const theirs = inWords(reply.order);
  if (!isNews(row, reply.order)) return { verdict: 'known', reference, theirs };
  return { verdict: await learn(deps, order, { ...row, conduitOrderId }), reference, theirs };
}
