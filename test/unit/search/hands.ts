import { decide } from '../../../src/domain/decide.ts';
import { isTerminalOrder } from '../../../src/domain/order.ts';
import type { Action } from '../../../src/domain/plan.ts';
import { NOW, TIMING } from '../../support/builders.ts';
import { situationOf } from './facts.ts';
import { type MoneyPlan, permitted } from './permits.ts';
import { lookedUp, trueReading } from './readings.ts';
import { customerCancelled, expiredByRepair, recorded } from './records.ts';
import type { Bounds, Rules } from './rules.ts';
import type { AttemptState, OrderState } from './state.ts';
import type { Rows } from './transition.ts';

/** What somebody does to the rows: the workflow's hand, a customer, the repair. */
export interface Deed {
  readonly label: string;
  readonly rows: Rows;
  /** Whether versions changed: every plan made before is then stale. */
  readonly isVersion: boolean;
  readonly isFair: boolean;
  readonly isNextAttempt: boolean;
  /** The permit that was given: `permit:g<n>:<operation>:v<version>` is recorded once. */
  readonly permit: MoneyPlan['kind'] | null;
  /** A law that this very deed breaks. */
  readonly breach: string | null;
}

const DEED = { isVersion: true, isFair: true, isNextAttempt: false, permit: null, breach: null } as const;

/** The real plan for a state, with the rules dropped that a plan itself keeps. */
export function planFor(rules: Rules, order: OrderState, a: AttemptState): Action {
  const isUnresolved = a.status === 'executing' && a.observed !== 'claimed' && a.observed !== 'terminal';
  const isMisread =
    (!rules.absentIsNoProof && a.lookup === 'absent') || (!rules.pendingIsNoProof && a.lookup === 'pending');
  if (isUnresolved && isMisread) {
    const reason = 'provider_busy';
    const record = { kind: 'fence', to: 'watching', attemptTo: 'cancelled', reason, code: null, pause: null } as const;
    return { kind: 'record', record };
  }
  const action = decide(situationOf(rules, order, a), NOW, TIMING);
  return action.kind === 'send_cancel' && !rules.unresolvedIsCancelled ? { kind: 'look_up' } : action;
}

/** Carries out a plan on rows that are as the plan saw them, or that have moved on. */
export function carriedOut(rules: Rules, bounds: Bounds, rows: Rows, action: Action): Rows | null | 'out_of_bounds' {
  switch (action.kind) {
    case 'record':
      return recorded(rules, rows, action.record);
    case 'send_create':
    case 'send_execute':
      return permitted(rules, bounds, rows, action);
    default:
      return null;
  }
}

export function nameOf(action: Action): string {
  switch (action.kind) {
    case 'record':
      return action.record.kind === 'fence' ? `fence → ${action.record.to}` : action.record.kind;
    case 'send_create':
      return 'permit: create';
    case 'send_execute':
      return `permit: execute ${action.keyNumber}`;
    default:
      return action.kind;
  }
}

/** What a permit breaks by being given to an order that is as `order` says. */
export function breachOfPermit(order: OrderState, action: Action): string | null {
  if (action.kind !== 'send_create' && action.kind !== 'send_execute') return null;
  const what = action.kind === 'send_create' ? 'a create' : 'an execute';
  if (order.phase > 0) return `L4: ${what} is permitted after the fence`;
  if (action.kind === 'send_create') return null;
  if (order.status === 'cancelled') return 'L5: an execute is permitted after a confirmed cancel';
  return order.wasToldTooLate ? 'L5: an execute is permitted after a refused cancel' : null;
}

/** What the workflow's hand with its plan, a customer and the repair may do next to an order and its live attempt. */
export function deedsOf(rules: Rules, bounds: Bounds, rows: Rows, plan: Action): Deed[] {
  const { order } = rows;
  if (isTerminalOrder(order.status)) return [];
  const deeds: Deed[] = handsDeeds(rules, bounds, rows, plan);
  const repaired = expiredByRepair(rules, rows);
  if (repaired) deeds.push({ ...DEED, label: 'repair: overdue', rows: repaired });
  const cancelled = bounds.hasCustomerCancel ? customerCancelled(rules, rows) : null;
  if (cancelled) {
    const isUnsaid = cancelled.answer === 200 && order.wasToldTooLate;
    const breach = isUnsaid ? 'L5: a cancel answered 409 shows as cancelled' : null;
    const label = `customer cancels: ${cancelled.answer}`;
    deeds.push({ ...DEED, label, rows: cancelled.rows, isFair: false, breach });
  }
  return deeds;
}

function handsDeeds(rules: Rules, bounds: Bounds, rows: Rows, action: Action): Deed[] {
  const { order, attempt } = rows;
  switch (action.kind) {
    case 'record':
    case 'send_create':
    case 'send_execute': {
      const done = carriedOut(rules, bounds, rows, action);
      if (done === 'out_of_bounds') return [];
      const label = `hand: ${nameOf(action)}`;
      if (!done) return [{ ...DEED, label, rows, breach: `stuck: "${nameOf(action)}" can never be carried out` }];
      const permit = action.kind === 'record' ? null : action.kind;
      return [{ ...DEED, label, rows: done, permit, breach: breachOfPermit(order, action) }];
    }
    case 'send_cancel': {
      const lookup = attempt.lookup === 'pending' ? 'old_pending' : attempt.lookup;
      const sent: AttemptState = { ...attempt, hasCancelSend: true, isCancelAway: true, lookup };
      return [{ ...DEED, label: 'hand: cancel at Conduit', rows: { order, attempt: sent }, isVersion: false }];
    }
    case 'look_up': {
      const reading = trueReading(attempt);
      const read = lookedUp(rules, attempt, reading);
      return [{ ...DEED, label: `hand: look-up: ${reading}`, rows: { order, attempt: read }, isVersion: false }];
    }
    case 'look':
      return [{ ...DEED, label: 'hand: look, rate met: next attempt', rows, isNextAttempt: true }];
    case 'sleep':
    case 'done':
      return [];
  }
}

/** A plan that a second hand holds and may carry out at any later time. */
export interface HeldPlan {
  readonly action: Action;
  /** Which attempt was live when it was made. */
  readonly attempt: 0 | 1 | null;
  readonly isStale: boolean;
}

/** Whether holding a plan can matter: a look-up or a cancel that comes late is the environment's already. */
export function isWorthHolding({ kind }: Action): boolean {
  return kind === 'record' || kind === 'send_create' || kind === 'send_execute' || kind === 'look';
}
