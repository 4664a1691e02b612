import type { Instant } from '../../../src/domain/order.ts';
import type { ProviderOrder } from '../../../src/domain/provider-order.ts';
import type { ProviderAmount, QuoteOption } from '../../../src/domain/quote.ts';
import type { SendOperation } from '../../../src/domain/replies.ts';
import type { Agenda } from './agenda.ts';
import { fixed, ONE, plain, rounded, times } from './fixed-point.ts';
import type { End, LockTwist, QuoteFault, Terms } from './history.ts';
import type { Laws } from './laws.ts';
import {
  DESTINATION_ACCOUNT,
  FROM,
  isClaimed,
  isOpen,
  nowOf,
  shownAt,
  type TheirOrder,
  TO,
  tell,
} from './their-orders.ts';

/** A request as it reaches Conduit. */
export interface Request {
  readonly operation: SendOperation;
  readonly key: string;
  /** Of a create. */
  readonly optionId: string;
  readonly reference: string;
  /** Of the others. */
  readonly orderId: string;
  readonly leftAt: Instant;
}

export interface Reply {
  readonly status: number;
  readonly code: string | null;
  readonly retryAfterMs: number | null;
  readonly order: ProviderOrder | null;
}

const SPREAD_BPS = 25n;
const FIXED_FEE = fixed('0.1');
const DECIMALS = 6;
const ABSURD = 40n;
/** A Conduit that keeps nothing but its keys keeps them longer than we use them. */
const MADE_WINDOW_MS = 300_000;
/** What is past its lock is cancelled by a sweep of every half minute. */
const SWEEP_MS = 30_000;

const problem = (status: number, code: string): Reply => ({ status, code, retryAfterMs: null, order: null });

/**
 * The modelled Conduit, by the four facts that the protocol relies on and no others: a claim is atomic, `autoExecute: false` is
 * honoured, terminal states are final, and what reads cancelled never executes. Everything else is a trait of the history.
 */
export class Conduit {
  readonly orders: TheirOrder[] = [];
  hasFunds = true;
  /** The market: destination units for one of the source. */
  rate: bigint;
  readonly twists: LockTwist[] = [];
  readonly ends: End[] = [];
  readonly #agenda: Agenda;
  readonly #terms: Terms;
  readonly #laws: Laws;
  readonly #options = new Map<string, QuoteOption>();
  readonly #kept = new Map<string, { readonly at: Instant; readonly reply: Reply }>();

  constructor(agenda: Agenda, terms: Terms, laws: Laws) {
    this.#agenda = agenda;
    this.#terms = terms;
    this.#laws = laws;
    this.rate = this.#rateAt(terms.rateOffset);
  }

  setRate(offset: number): void {
    this.rate = this.#rateAt(offset);
  }

  get clock(): Instant {
    return this.#agenda.now + this.#terms.conduit.skewMs;
  }

  /** The rate so much better for the customer than the one at which the all-in rate just meets the target. */
  #rateAt(offset: number): bigint {
    const { amount, targetRate, destinationFee, direction } = this.#terms;
    const debit = fixed(amount);
    const arrives = times(debit, fixed(targetRate)) + fixed(destinationFee);
    const edge = (((arrives * ONE) / (debit - FIXED_FEE)) * 10_000n) / (10_000n - SPREAD_BPS);
    return rounded((edge * BigInt(1_000_000 + (direction === '>=' ? offset : -offset))) / 1_000_000n, 15);
  }

  quote(fault: Extract<QuoteFault, { kind: 'bad' }> | null): QuoteOption {
    const id = `${this.#options.size + 1}`;
    const { amount, destinationFee, conduit } = this.#terms;
    const reference = fault?.how === 'absurd' ? this.rate * ABSURD : this.rate;
    const endUserRate = (reference * (10_000n - SPREAD_BPS)) / 10_000n;
    const debit = fixed(amount);
    const destination = rounded(times(debit - FIXED_FEE, endUserRate), DECIMALS);
    const recipient = destination - fixed(destinationFee);
    const of = (asset: typeof FROM | typeof TO, value: bigint): ProviderAmount => ({
      ...asset,
      amount: plain(value, DECIMALS),
    });
    const createdAt = fault?.how === 'stale' ? this.clock - 600_000 : this.clock;
    const to = fault?.how === 'other_assets' ? { currency: 'ETH', network: 'ethereum' } : TO;
    const option: QuoteOption = {
      quoteId: `qte_${id}`,
      optionId: `qop_${id}`,
      createdAt,
      expiresAt: createdAt + conduit.optionTtlMs,
      echo: { lockSide: 'source', amount, from: FROM, to: TO },
      referenceRate: fault?.how === 'zero' ? '0' : fault?.how === 'not_a_number' ? 'NaN' : plain(reference),
      endUserRate: plain(endUserRate),
      spreadBps: SPREAD_BPS.toString(),
      fees: [of(FROM, FIXED_FEE), ...(destinationFee === '0' ? [] : [of(TO, fixed(destinationFee))])],
      sourceAmount: of(FROM, debit - FIXED_FEE),
      destinationAmount: { ...of(TO, destination), ...to },
      recipientAmount: of(TO, recipient),
      totalDebit: of(FROM, fault?.how === 'other_amount' ? debit + ONE : debit),
    };
    this.#options.set(option.optionId, option);
    return option;
  }

  /** One request arrives. */
  receive(request: Request): Reply {
    const { keyWindowMs, duplicates } = this.#terms.conduit;
    const windowMs = duplicates === 'made' ? Math.max(keyWindowMs, MADE_WINDOW_MS) : keyWindowMs;
    const kept = this.#kept.get(request.key);
    if (kept && this.clock - kept.at < windowMs) return kept.reply;
    const reply = this.#answer(request);
    // Of the statuses only the 2xx consume a key.
    if (reply.status < 300) this.#kept.set(request.key, { at: this.clock, reply });
    return reply;
  }

  #answer(request: Request): Reply {
    switch (request.operation) {
      case 'create':
        return this.#create(request);
      case 'execute':
        return this.#execute(request);
      case 'cancel':
        return this.#cancel(request.orderId);
    }
  }

  #create(request: Request): Reply {
    const { optionId, reference } = request;
    const { duplicates, duplicateCode } = this.#terms.conduit;
    const option = this.#options.get(optionId);
    if (!option) return problem(404, 'QUOTE_NOT_FOUND');
    const isUsed = this.orders.some((order) => order.optionId === optionId || order.reference === reference);
    if (isUsed && duplicates === 'refused') return problem(409, duplicateCode);
    if (this.clock >= option.expiresAt) return problem(409, 'QUOTE_EXPIRED');
    const order = this.#orderOf(option, reference, this.twists.shift());
    this.orders.push(order);
    this.#agenda.after(this.#terms.conduit.lockTtlMs + SWEEP_MS / 2, () => this.#cancelAs(order, 'expired'));
    this.#laws.made(order, request.leftAt);
    return { status: 202, code: null, retryAfterMs: null, order: shownAt(order, this.clock) };
  }

  #orderOf(option: QuoteOption, reference: string, twist: LockTwist | undefined): TheirOrder {
    const { conduit, destinationFee } = this.#terms;
    const { destinationAmount, recipientAmount } = option;
    const bps = twist?.kind === 'worse' ? -twist.bps : twist?.kind === 'better' ? twist.bps : 0;
    const arrives = rounded((fixed(recipientAmount.amount) * BigInt(10_000 + bps)) / 10_000n, DECIMALS);
    const printed = conduit.printsGross ? arrives + fixed(destinationFee) : arrives;
    const debit = fixed(option.totalDebit.amount) + (twist?.kind === 'other_debit' ? ONE / 100n : 0n);
    return {
      id: `ord_${this.orders.length + 1}`,
      reference,
      optionId: option.optionId,
      debit: plain(debit, DECIMALS),
      arrives: plain(arrives, DECIMALS),
      printed: plain(printed, DECIMALS),
      fees: option.fees,
      autoExecute: twist?.kind === 'auto_execute',
      destinationAccount: twist?.kind === 'other_account' ? 'wlt_other' : DESTINATION_ACCOUNT,
      to: twist?.kind === 'other_assets' ? { currency: 'ETH', network: 'ethereum' } : destinationAmount,
      lockExpiresAt: this.clock + conduit.lockTtlMs,
      story: [{ at: this.clock, status: 'pending', isClaimed: false, failureCode: null, cancellationReason: null }],
      claimedBy: null,
      end: null,
      endedAt: null,
    };
  }

  #execute({ orderId, leftAt }: Request): Reply {
    this.#laws.executeReceived(leftAt);
    const order = this.orders.find(({ id }) => id === orderId);
    if (!order) return problem(404, 'ORDER_NOT_FOUND');
    if (!isOpen(order)) return problem(409, 'ORDER_NOT_EXECUTABLE');
    if (this.clock >= order.lockExpiresAt) return problem(409, 'ORDER_EXPIRED');
    if (!this.hasFunds) return problem(422, 'INSUFFICIENT_FUNDS');
    this.#claim(order, 'us');
    this.#laws.claimed(order, leftAt);
    return { status: 202, code: null, retryAfterMs: null, order: shownAt(order, this.clock) };
  }

  #claim(order: TheirOrder, by: 'us' | 'others'): void {
    order.claimedBy = by;
    tell(order, this.clock, { isClaimed: true });
    this.#agenda.after(this.#terms.conduit.settleMs, () => this.end(order, this.ends.shift() ?? { kind: 'succeeded' }));
  }

  /** The claimed order comes to its end, once. */
  end(order: TheirOrder, end: End): void {
    if (!isClaimed(order)) return;
    order.end = end;
    order.endedAt = this.clock;
    tell(order, this.clock, { status: end.kind, failureCode: end.kind === 'failed' ? end.code : null });
    this.#laws.ledgerChanged();
  }

  #cancel(orderId: string): Reply {
    const order = this.orders.find(({ id }) => id === orderId);
    if (!order) return problem(404, 'ORDER_NOT_FOUND');
    if (nowOf(order).status !== 'cancelled' && !this.#cancelAs(order, 'client_cancelled'))
      return problem(409, 'ORDER_NOT_CANCELLABLE');
    return { status: 200, code: null, retryAfterMs: null, order: shownAt(order, this.clock) };
  }

  #cancelAs(order: TheirOrder, cancellationReason: string): boolean {
    if (!isOpen(order)) return false;
    tell(order, this.clock, { status: 'cancelled', cancellationReason });
    return true;
  }

  /** Somebody else with access to the organisation. */
  cancelByOthers(): void {
    for (const order of this.orders) this.#cancelAs(order, 'client_cancelled');
  }

  claimByOthers(): void {
    const order = this.orders.find(isOpen);
    if (!order) return;
    this.#claim(order, 'others');
    this.#laws.ledgerChanged();
  }
}
