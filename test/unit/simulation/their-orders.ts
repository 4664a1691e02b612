import type { LinkedEffect } from '../../../src/domain/attempt.ts';
import type { Instant } from '../../../src/domain/order.ts';
import type { ProviderOrder, ProviderOrderStatus } from '../../../src/domain/provider-order.ts';
import type { ProviderAmount } from '../../../src/domain/quote.ts';
import type { End } from './history.ts';

export const FROM = { currency: 'USDT', network: 'ethereum' } as const;
export const TO = { currency: 'USDC', network: 'ethereum' } as const;
export const PAIR = 'USDT.ethereum-USDC.ethereum';
export const SOURCE_ACCOUNT = 'wlt_source';
export const DESTINATION_ACCOUNT = 'wlt_destination';

/** One line of an order's story, by Conduit's own word. */
interface Shown {
  readonly at: Instant;
  readonly status: ProviderOrderStatus;
  readonly isClaimed: boolean;
  readonly failureCode: string | null;
  readonly cancellationReason: string | null;
}

/** An order of the modelled Conduit: the entry of its ledger. */
export interface TheirOrder {
  readonly id: string;
  readonly reference: string;
  readonly optionId: string;
  readonly debit: string;
  /** What arrives in truth, whatever the body prints. */
  readonly arrives: string;
  readonly printed: string;
  readonly fees: readonly ProviderAmount[];
  readonly autoExecute: boolean;
  readonly destinationAccount: string;
  readonly to: { readonly currency: string; readonly network: string | null };
  readonly lockExpiresAt: Instant;
  readonly story: Shown[];
  claimedBy: 'us' | 'others' | null;
  end: End | null;
  endedAt: Instant | null;
}

/** How long a linked transaction takes to be seen, and to end: well inside the half minute after which ours read again. */
const APPEARS_AFTER_MS = 4_000;
const OPEN_FOR_MS = 90_000;

export function nowOf(order: TheirOrder): Shown {
  const last = order.story.at(-1);
  if (!last) throw new Error('an order has a story from its creation on');
  return last;
}

export function tell(order: TheirOrder, at: Instant, change: Partial<Shown>): void {
  order.story.push({ ...nowOf(order), ...change, at });
}

export function isOpen(order: TheirOrder): boolean {
  const { status, isClaimed } = nowOf(order);
  return status === 'pending' && !isClaimed;
}

export function isClaimed(order: TheirOrder): boolean {
  const { status, isClaimed: claimed } = nowOf(order);
  return status === 'pending' && claimed;
}

/** The transactions that are linked to a failed order at a moment, and what each says of money. */
export function linkedAt({ end, endedAt }: TheirOrder, at: Instant): ReadonlyMap<string, LinkedEffect> {
  if (end?.kind !== 'failed' || endedAt === null || end.linked === 'none') return new Map();
  const hasAppeared = at >= endedAt + APPEARS_AFTER_MS;
  const isOver = at >= endedAt + OPEN_FOR_MS;
  switch (end.linked) {
    case 'appears':
      return new Map(hasAppeared ? [['txn_1', 'completed']] : []);
    case 'another_appears':
      return new Map([['txn_1', 'no_effect'], ...(hasAppeared ? ([['txn_2', 'completed']] as const) : [])]);
    case 'open_then_completed':
      return new Map([['txn_1', isOver ? 'completed' : 'open']]);
    case 'open_then_failed':
      return new Map([['txn_1', isOver ? 'no_effect' : 'open']]);
    default:
      return new Map([['txn_1', end.linked]]);
  }
}

/** What these of them say together. */
export function effectOf(transactions: ReadonlyMap<string, LinkedEffect>, ids: readonly string[]): LinkedEffect {
  const effects = ids.map((id) => transactions.get(id));
  if (effects.length === 0) return 'none';
  return effects.includes('completed') ? 'completed' : effects.includes('open') ? 'open' : 'no_effect';
}

/** That a failure had no effect counts only when it was read a second time, this long after the first. */
export const READ_AGAIN_MS = 30_000;

export function isReadTwice({ end }: TheirOrder): boolean {
  return end?.kind === 'failed' && end.linked !== 'completed' && end.linked !== 'open_then_completed';
}

/** From when on the end can be read whole, linked transactions and all; null while there is none. */
export function readableFrom(order: TheirOrder): Instant | null {
  const { end, endedAt } = order;
  if (endedAt === null || end?.kind !== 'failed') return endedAt;
  const isOpenFirst = end.linked === 'open_then_completed' || end.linked === 'open_then_failed';
  return endedAt + (isOpenFirst ? OPEN_FOR_MS : 0) + (isReadTwice(order) ? READ_AGAIN_MS : 0);
}

/** Whether money moves, or has moved, or is bound to. */
export function movesMoney(order: TheirOrder, at: Instant): boolean {
  const { status } = nowOf(order);
  if (status === 'pending') return isClaimed(order);
  if (status !== 'failed') return status === 'succeeded';
  if (order.end?.kind !== 'failed') return false;
  const { linked } = order.end;
  if (linked === 'open_then_failed') return at < (order.endedAt ?? at) + OPEN_FOR_MS;
  return linked !== 'none' && linked !== 'no_effect';
}

/** An order as a body of that moment shows it, or null before it existed. */
export function shownAt(order: TheirOrder, at: Instant): ProviderOrder | null {
  const shown = order.story.findLast((line) => line.at <= at);
  if (!shown) return null;
  const amount = { ...order.to, amount: order.printed };
  return {
    id: order.id,
    reference: order.reference,
    status: shown.status,
    isClaimed: shown.status === 'pending' && shown.isClaimed,
    autoExecute: order.autoExecute,
    sourceAccount: SOURCE_ACCOUNT,
    destinationAccount: order.destinationAccount,
    quoteOptionId: order.optionId,
    source: { ...FROM, amount: order.debit },
    destination: amount,
    totalDebit: { ...FROM, amount: order.debit },
    fees: order.fees,
    endUserRate: null,
    lockExpiresAt: order.lockExpiresAt,
    failureCode: shown.failureCode,
    cancellationReason: shown.cancellationReason,
    linkedTransactionIds: shown.status === 'failed' ? [...linkedAt(order, at).keys()] : [],
  };
}
