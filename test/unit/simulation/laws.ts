import { canMoveOrder, type Instant, isTerminalOrder, type OrderStatus } from '../../../src/domain/order.ts';
import type { SendOperation } from '../../../src/domain/replies.ts';
import type { Agenda } from './agenda.ts';
import { fixed, ONE } from './fixed-point.ts';
import type { Terms } from './history.ts';
import { isLive, isMovingElsewhere, type Tables } from './tables.ts';
import { isClaimed, movesMoney, nowOf, type TheirOrder } from './their-orders.ts';

/** A request that arrives later than this after it left is the residual risk that the documentation names: counted, not judged. */
const LATE_MS = 10_000;

/** The laws, asked at every step of one history. The first that breaks is kept. */
export class Laws {
  breach: string | null = null;
  /** Effects after `expires_at` of requests that the network kept for longer than the protocol allows for. */
  lateEffects = 0;
  /** Such executes that came after a confirmed cancel. */
  lateExecutes = 0;
  readonly #agenda: Agenda;
  readonly #terms: Terms;
  readonly #tables: Tables;
  readonly #orders: () => readonly TheirOrder[];
  readonly #sought: RegExp;
  #isCancelConfirmed = false;
  #isTooLateTold = false;
  /** The attempts whose order was read claimed. */
  readonly #claimsRead = new Set<number>();

  constructor(agenda: Agenda, terms: Terms, tables: Tables, orders: () => readonly TheirOrder[], sought: RegExp) {
    this.#agenda = agenda;
    this.#terms = terms;
    this.#tables = tables;
    this.#orders = orders;
    this.#sought = sought;
  }

  broken(breach: string): void {
    if (this.#sought.test(breach)) this.breach ??= breach;
  }

  /** Whether somebody else executed what we created: nothing forbids it, so no law of ours speaks of that money. */
  get isForeign(): boolean {
    return this.#orders().some(({ claimedBy }) => claimedBy === 'others');
  }

  /** A create took effect. */
  made(order: TheirOrder, leftAt: Instant): void {
    if (this.#orders().some((other) => other !== order && other.reference === order.reference))
      this.broken('L1: one reference stands for two Conduit orders');
    this.#inTime('create', leftAt);
  }

  /** An execute of ours took effect. */
  claimed(order: TheirOrder, leftAt: Instant): void {
    this.#inTime('execute', leftAt);
    this.#rateOf(order);
    this.ledgerChanged();
  }

  #inTime(what: string, leftAt: Instant): void {
    // Conduit and we each have a clock; the law holds by both.
    const latest = this.#agenda.now + Math.max(0, this.#terms.conduit.skewMs);
    if (latest < this.#tables.order.expiresAt) return;
    if (this.#agenda.now - leftAt > LATE_MS) this.lateEffects += 1;
    else this.broken(`L4: ${what} takes effect at or after expires_at`);
  }

  #rateOf({ debit, arrives, to, destinationAccount, autoExecute }: TheirOrder): void {
    const { amount, targetRate, direction, floorRate } = this.#tables.order;
    const [leaves, gets] = [fixed(debit), fixed(arrives) * ONE];
    const [target, floor] = [fixed(targetRate) * leaves, fixed(floorRate ?? '0') * leaves];
    const isMet = direction === '>=' ? gets >= target : floor <= gets && gets <= target;
    if (!isMet) this.broken('L3: what Conduit locked does not meet the condition');
    if (leaves !== fixed(amount)) this.broken("L3: another amount than the order's leaves");
    if (to.currency !== 'USDC' || destinationAccount !== 'wlt_destination' || autoExecute)
      this.broken('L3: another order than the one that was asked for is executed');
  }

  /** Bytes that may have an effect leave us. */
  left(operation: SendOperation): void {
    if (operation === 'cancel') return;
    if (this.#agenda.now >= this.#tables.order.expiresAt) this.broken(`L4: ${operation} leaves at or after expires_at`);
    if (operation === 'execute' && this.#isCancelConfirmed)
      this.broken('L5: an execute leaves after a confirmed cancel');
  }

  permitted(operation: 'create' | 'execute'): void {
    const { order, pauses } = this.#tables;
    // Two seconds until the bytes leave, ten until they arrive, three between the clocks.
    if (this.#agenda.now >= order.expiresAt - 15_000) this.broken(`L4: ${operation} is permitted after the fence`);
    if (pauses.size > 0) this.broken(`pause: ${operation} is permitted under a pause`);
    if (this.#isCancelConfirmed) this.broken(`L5: ${operation} is permitted after a confirmed cancel`);
    else if (this.#isTooLateTold) this.broken(`L5: ${operation} is permitted after a refused cancel`);
    const live = this.#tables.attempts.findLast(isLive)?.number;
    if (this.#openClaims().some((number) => number !== live))
      this.broken(`L1: ${operation} is permitted although a claim was read under another attempt`);
  }

  /** One that the network kept for long may still come to an order that is dead at Conduit; then it must have no effect, no more. */
  executeReceived(leftAt: Instant): void {
    if (!this.#isCancelConfirmed) return;
    if (this.#agenda.now - leftAt > LATE_MS) this.lateExecutes += 1;
    else this.broken('L5: an execute is received after a confirmed cancel');
  }

  claimRead(attempt: number): void {
    this.#claimsRead.add(attempt);
  }

  /** Attempts whose order was read claimed, and its end not yet. */
  #openClaims(): number[] {
    return [...this.#claimsRead].filter((number) => this.#tables.attempts[number - 1]?.end === null);
  }

  cancelAnswered(answer: 'cancelled' | 'too_late' | 'already_terminal'): void {
    if (answer === 'too_late') this.#isTooLateTold = true;
    // The same answer to the same question again is no new promise.
    if (answer !== 'cancelled' || this.#isCancelConfirmed) return;
    if (this.#isTooLateTold) this.broken('L5: a cancel answered 409 is confirmed');
    if (this.#openClaims().length > 0) this.broken('L5: a cancel is confirmed although a claim was read');
    this.#isCancelConfirmed = true;
    this.ledgerChanged();
  }

  rowMoved(from: OrderStatus, to: OrderStatus): void {
    if (from !== to && !canMoveOrder(from, to)) this.broken(`L7: the order goes from ${from} to ${to}`);
    if (to === 'cancelled' && this.#isTooLateTold) this.broken('L5: a cancel answered 409 shows as cancelled');
    if (to === 'expired' && this.#agenda.now < this.#tables.order.expiresAt) this.broken('L7: expired before its time');
    if (isTerminalOrder(to) && this.#tables.attempts.some(isLive)) this.broken(`L7: ${to} with a live attempt`);
    if ((to === 'cancelled' || to === 'expired') && isMovingElsewhere(this.#tables, null))
      this.broken(`L5: ${to} though money was seen to move`);
    this.ledgerChanged();
  }

  /** Row and ledger, whenever one of them has changed. */
  ledgerChanged(): void {
    const { order, attempts } = this.#tables;
    if (attempts.filter(isLive).length > 1) this.broken('L1: two attempts of one order are live');
    if (this.isForeign) return;
    const now = this.#agenda.now + this.#terms.conduit.skewMs;
    const moving = this.#orders().filter((theirs) => movesMoney(theirs, now));
    if (moving.length > 1) this.broken('L1: two Conduit orders of one order are claimed or succeeded');
    const executed = moving.filter((theirs) => isClaimed(theirs) || nowOf(theirs).status === 'succeeded');
    switch (order.status) {
      case 'cancelled':
        if (moving.length > 0) this.broken('L5: money moves after a confirmed cancel');
        break;
      case 'expired':
        if (moving.length > 0) this.broken('L7: money moves under an order that is expired');
        break;
      case 'failed':
        // One that failed with money moved is told so, and a person is called.
        if (executed.length > 0) this.broken('L7: money moves under an order that is failed');
        break;
      case 'executed':
        if (executed.length !== 1 || executed.some(isClaimed)) this.broken('L7: executed without exactly one success');
        break;
      default:
        break;
    }
  }
}
