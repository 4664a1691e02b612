// Orders that an experiment places and treats by itself.
import { setTimeout as sleep } from 'node:timers/promises';
import type { FaultRuleInput } from '../../simulator/faults/rules.ts';
import { STABLES, TARGETS } from '../load/market.ts';
import { bodyOf, type PlannedOrder } from '../load/plan.ts';
import type { PlacedOrder } from '../load/run-load.ts';
import type { Stage } from './experiment.ts';

/** The orders of these experiments are placed by themselves, and their market crosses when they say so, if at all. */
export const ALONE = { load: { orders: 0, windowMs: 1_000 }, moveMarket: async () => {} } as const;
const DEADLINE_MS = 15_000;
const POLL_MS = 50;

interface Waiting {
  readonly pairs?: readonly (keyof typeof TARGETS)[];
  /** They are placed at once, or each at some moment within this. */
  readonly withinMs?: number;
  readonly repeats?: number;
}

/**
 * Orders that wait for the market; nobody but the experiment cares for them. `expires`: in how many milliseconds all of them do, or
 * when each does.
 */
export async function placeWaiting(
  stage: Stage,
  count: number,
  expires: number | ((index: number) => number),
  { pairs = [STABLES], withinMs = 0, repeats = 0 }: Waiting = {},
): Promise<readonly PlacedOrder[]> {
  const { random, system, experiment } = stage;
  const runId = `${experiment}-${Date.now().toString(36)}-${random.between(0, 1e9)}`;
  const expiresAt = typeof expires === 'number' ? () => Date.now() + expires : expires;
  const plans = Array.from({ length: count }, (_, index): PlannedOrder => {
    const pair = random.pick(pairs);
    const customer = random.pick(system.customers);
    return {
      customer,
      placeAtMs: random.between(0, withinMs),
      cancelAfterMs: null,
      repeats,
      triesOtherBody: false,
      isWatched: false,
      isPatient: false,
      body: bodyOf(pair, {
        amount: `${random.between(20, 200)}.${random.between(10, 99)}`,
        target_rate: TARGETS[pair],
        idempotency_key: `${runId}-${index}`,
        user_id: customer.userId,
        expires_at: new Date(expiresAt(index)).toISOString(),
      }),
    };
  });
  return stage.place(plans);
}

/** Waits until none of the orders is in one of these states any more; false when some still are and all that can be waited for is over. */
export async function untilPast(
  { system }: Stage,
  orders: readonly PlacedOrder[],
  statuses: readonly string[],
): Promise<boolean> {
  const ids = orders.map(({ orderId }) => orderId);
  for (const until = Date.now() + DEADLINE_MS; Date.now() < until; await sleep(POLL_MS)) {
    const rows = await system.db`
      select from orders where order_id = any(${ids}::uuid[]) and status = any(${statuses as string[]}) limit 1`;
    if (rows.count === 0) return true;
  }
  return false;
}

/** Rules for each order's first attempt. They end with the experiment. */
export async function arm(
  stage: Stage,
  orders: readonly PlacedOrder[],
  rulesOf: (reference: string) => readonly FaultRuleInput[],
): Promise<void> {
  const rules = orders.flatMap(({ orderId }) => rulesOf(`${orderId}:g1`));
  await stage.system.simulator.armFault(...rules);
  stage.note('rules for the first attempts', { rules: rules.length });
}

/** Asks for a cancel of each, once; what is answered is for the judge. */
export async function cancelAll({ note }: Stage, orders: readonly PlacedOrder[]): Promise<void> {
  note('cancels', { orders: orders.length });
  await Promise.all(orders.map(({ orderId, calls }) => calls.cancel(orderId)));
}
