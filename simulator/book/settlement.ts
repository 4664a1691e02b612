import type { Clock } from '../core/clock.ts';
import type { KnobBoard } from '../core/knobs.ts';
import { present } from '../core/present.ts';
import type { SettlementTwist } from '../faults/twists.ts';
import type { Accounts } from './accounts.ts';
import type { Book, HeldOrder } from './book.ts';
import type { Endings } from './endings.ts';
import type { Failure, Order, Settlement } from './entries.ts';
import type { Transitions } from './transitions.ts';

/** The transaction appears after this share of the settle delay, so that a look in between finds it open. */
const TRANSACTION_AFTER = 1 / 3;

export type Settlements = {
  /** Claims a pending order: its debit is taken and its end is set in motion. */
  claim(order: Order, trigger: 'client' | 'auto', twist: SettlementTwist | undefined): Order;
  /** Ends a claimed order now, held or not, as planned or with this failure. */
  endNow(orderId: string, failure?: Failure): void;
  /** Lets an order that is not claimed yet fail once it is. */
  arm(orderId: string, failure: Failure): void;
  hold(orderId: string, held: boolean): void;
  /** Sets every claimed order on its way again: after a restart, or when the knob that held them is turned. */
  resume(): void;
};

type SettlementsDeps = {
  book: Book;
  clock: Clock;
  knobs: KnobBoard;
  accounts: Accounts;
  transitions: Transitions;
  endings: Endings;
};

export function isClaimed(order: Order): boolean {
  return order.status === 'pending' && order.executionTrigger !== undefined;
}

export function createSettlements(deps: SettlementsDeps): Settlements {
  const { book, clock, knobs, accounts, transitions, endings } = deps;
  const callOff = new Map<string, () => void>();

  function plan(orderId: string, settlement: Settlement): void {
    book.record({ event: 'settlement.planned', orderId, settlement });
    schedule(orderId);
  }

  /** What this order has to do next and when, or undefined when it only waits to be released. */
  function nextStep(held: HeldOrder): { dueMs: number; run: () => void } | undefined {
    const { order, settlement } = held;
    const { transactionAtMs, endsAtMs = Number.POSITIVE_INFINITY, failure } = settlement;
    const mayEnd = !settlement.held && !knobs.get().settlementHeld;
    const wantsTransaction = order.linkedTransactionIds.length === 0 && failure?.transactions.length !== 0;
    // Once the end is due as well it opens the transactions itself, as it knows how many there are to be.
    const isEndDue = mayEnd && endsAtMs <= clock.nowMs();
    if (wantsTransaction && transactionAtMs !== undefined && !isEndDue) {
      return { dueMs: transactionAtMs, run: () => void endings.openTransaction(order) };
    }
    return mayEnd ? { dueMs: endsAtMs, run: () => end(held) } : undefined;
  }

  function nextOf(orderId: string): ReturnType<typeof nextStep> {
    const held = book.orders.get(orderId);
    return held && isClaimed(held.order) ? nextStep(held) : undefined;
  }

  function schedule(orderId: string): void {
    callOff.get(orderId)?.();
    callOff.delete(orderId);
    const next = nextOf(orderId);
    if (next)
      callOff.set(
        orderId,
        clock.at(next.dueMs, () => step(orderId)),
      );
  }

  function step(orderId: string): void {
    // Asked again: a knob may have been turned since this moment was put on the clock.
    const next = nextOf(orderId);
    if (next && next.dueMs <= clock.nowMs()) next.run();
    schedule(orderId);
  }

  function end({ order, settlement }: HeldOrder): void {
    if (settlement.failure) endings.fail(order, settlement.failure);
    else endings.succeed(order);
  }

  return {
    claim(order, trigger, twist) {
      accounts.move(order.source.id, order.totalDebit, -1);
      const claimed = transitions.order('order.claimed', { ...order, executionTrigger: trigger }, trigger);
      const delayMs = twist?.delayMs ?? knobs.scaled(knobs.get().settleDelayMs);
      const armed = book.orders.get(order.id)?.settlement;
      plan(order.id, {
        held: twist?.held ?? armed?.held ?? false,
        ...present('failure', twist?.failure ?? armed?.failure),
        transactionAtMs: clock.nowMs() + delayMs * TRANSACTION_AFTER,
        endsAtMs: clock.nowMs() + delayMs,
      });
      return claimed;
    },
    endNow(orderId, failure) {
      const held = book.orders.get(orderId);
      if (!held || !isClaimed(held.order)) return;
      if (failure) endings.fail(held.order, failure);
      else end(held);
      schedule(orderId);
    },
    arm(orderId, failure) {
      const held = book.orders.get(orderId);
      if (held) plan(orderId, { ...held.settlement, failure });
    },
    hold(orderId, isHeld) {
      const held = book.orders.get(orderId);
      if (held) plan(orderId, { ...held.settlement, held: isHeld });
    },
    resume() {
      for (const [orderId, { order }] of book.orders) if (isClaimed(order)) schedule(orderId);
    },
  };
}
