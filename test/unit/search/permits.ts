import type { Bounds, Rules } from './rules.ts';
import { type AttemptState, isLive, mayHaveEffect, type OrderState, type SendState } from './state.ts';
import { commit, type Rows } from './transition.ts';

export type MoneyPlan =
  | { readonly kind: 'send_create' }
  | { readonly kind: 'send_execute'; readonly keyNumber: number };

/** `takePermit`: the rows with the row of a send whose bytes have not left; null where it is refused. */
export function permitted(rules: Rules, bounds: Bounds, rows: Rows, plan: MoneyPlan): Rows | null | 'out_of_bounds' {
  if (!isAllowed(rules, rows, plan)) return null;
  const { order, attempt: a } = rows;
  const isCreate = plan.kind === 'send_create';
  const sends = isCreate ? a.creates : a.executes;
  const planned = isCreate ? 1 : plan.keyNumber;
  const isRepeat = sends.some((send) => send.key === planned);
  const key = isRepeat && !rules.sameKeyAgain ? sends.length + 1 : planned;
  const limit = isCreate ? bounds.creates : bounds.executes;
  if (isRepeat && sends.filter((send) => send.key === planned || !rules.sameKeyAgain).length >= limit)
    return 'out_of_bounds';
  if (!isCreate && key > bounds.executeKeys) return 'out_of_bounds';
  const send: SendState = { key, mark: 'held' };
  if (isCreate) {
    const isKeyForgotten = a.isKeyForgotten || (isRepeat && a.createKey !== 'young');
    return { order, attempt: { ...a, creates: [...sends, send], lookup: 'none', isKeyForgotten } };
  }
  const moved: AttemptState = {
    ...a,
    executes: [...sends, send],
    executeKey: isRepeat ? a.executeKey : 'young',
    lookup: a.lookup === 'pending' ? 'old_pending' : a.lookup === 'absent' ? 'none' : a.lookup,
    status: isLive(a) ? 'executing' : a.status,
  };
  return rules.permitJudgesRow ? commit(rows, 'executing', moved) : withoutJudgement(order, a, moved);
}

function withoutJudgement(order: OrderState, a: AttemptState, attempt: AttemptState): Rows {
  const isOpen = order.status === 'watching' && isLive(a);
  return { order: isOpen ? { ...order, status: 'executing' } : order, attempt };
}

function isAllowed(rules: Rules, { order, attempt: a }: Rows, plan: MoneyPlan): boolean {
  const isCreate = plan.kind === 'send_create';
  if (rules.permitHeedsFence && order.phase > 0) return false;
  if (rules.permitJudgesRow && !(isCreate ? mayCreate(order, a) : mayExecute(order, a))) return false;
  if (isCreate) {
    const isOld = a.createKey !== 'young' && a.creates.length > 0;
    // Without the rule the option's own end is not asked either: it only happens to come soon after.
    return rules.permitHeedsKeyAge
      ? !isOld && a.createKey !== 'gone'
      : rules.planHeedsKeyAge
        ? a.createKey !== 'gone'
        : true;
  }
  const ofKey = a.executes.filter(({ key }) => key === plan.keyNumber);
  if (rules.permitHeedsKeyAge && ofKey.length > 0 && a.executeKey === 'old') return false;
  const others = a.executes.filter(({ key }) => key !== plan.keyNumber);
  return !rules.permitHeedsOtherKeys || !others.some(mayHaveEffect);
}

function isSendable(order: OrderState): boolean {
  return !order.isCancelRefused && order.pause !== 'on' && order.areAccountsActive;
}

function mayCreate(order: OrderState, a: AttemptState): boolean {
  return isSendable(order) && order.status === 'watching' && a.status === 'prepared';
}

function mayExecute(order: OrderState, a: AttemptState): boolean {
  return (
    isSendable(order) &&
    (order.status === 'watching' || order.status === 'executing') &&
    (a.status === 'created' || a.status === 'executing') &&
    a.hasId &&
    !a.isLockOver &&
    (a.observed ?? 'pending') === 'pending'
  );
}
