import { setTimeout as sleep } from 'node:timers/promises';
import type { ClientOperation, History } from '../evidence/history.ts';
import type { Customer } from '../system/system.ts';
import { type CustomerCalls, callsOf } from './customer-calls.ts';
import type { PlannedOrder } from './plan.ts';
import type { Random } from './random.ts';

export interface LoadDeps {
  readonly apiUrl: string;
  readonly experiment: string;
  /** What the clients of this load are named after. */
  readonly load: string;
  readonly history: History;
  readonly customers: readonly Customer[];
  readonly diceOf: (client: string) => Random;
  /** How long orders are placed for: those who watch theirs look about as long as that, or as it lives if that is less. */
  readonly windowMs: number;
}

/** An order that was answered 201 or 200. */
export interface PlacedOrder {
  readonly orderId: string;
  readonly plan: PlannedOrder;
  readonly calls: CustomerCalls;
}

/** How long a client asks again for an answer that did not come or said "again": longer than any outage of an experiment. */
const PATIENCE_MS = 120_000;
const AGAIN_MS = [300, 1_500] as const;

/** Places the planned orders at their times, and does what their customers do about them. Ends when the last one is done. */
export async function runLoad(
  deps: LoadDeps,
  plans: readonly PlannedOrder[],
  onPlaced: (order: PlacedOrder) => void,
): Promise<PlacedOrder[]> {
  const placed = await Promise.all(
    plans.map(async (plan, index) => {
      await sleep(plan.placeAtMs);
      return live(deps, plan, `${deps.load}-client-${index}`, onPlaced);
    }),
  );
  return placed.filter((it) => it !== null);
}

async function live(
  deps: LoadDeps,
  plan: PlannedOrder,
  client: string,
  onPlaced: (order: PlacedOrder) => void,
): Promise<PlacedOrder | null> {
  const calls = callsOf(deps, plan.customer, client);
  const random = deps.diceOf(client);
  const first = untilAnswered(random, () => calls.create(plan.body));
  const again = Array.from({ length: plan.repeats }, (_, n) => {
    const twin = `${client}-again-${n}`;
    return untilAnswered(deps.diceOf(twin), () => callsOf(deps, plan.customer, twin).create(plan.body));
  });
  const [answer] = await Promise.all([first, ...again]);
  if (!answer || answer.orderId === null || (answer.status ?? 500) >= 300) return null;
  const order = { orderId: answer.orderId, plan, calls };
  const { orderId } = order;
  onPlaced(order);
  if (plan.triesOtherBody) await calls.create({ ...plan.body, amount: '7.77' }, 1);
  await Promise.all([
    plan.isWatched && watch(deps, deps.diceOf(`${client}-eyes`), order),
    cancelInTime(random, plan, calls, orderId),
  ]);
  return order;
}

/** Looks at the order a few times, and lets somebody else try to. */
async function watch(deps: LoadDeps, random: Random, { orderId, plan, calls }: PlacedOrder): Promise<void> {
  const { customers } = deps;
  const paceMs = Math.min(deps.windowMs, Math.max(0, Date.parse(plan.body.expires_at) - Date.now()));
  for (let looks = random.between(1, 4); looks > 0; looks -= 1) {
    await sleep(random.between(300, 300 + paceMs / 3));
    await (random.chance(0.7) ? calls.read(orderId) : calls.events(orderId));
  }
  const stranger = customers.find(({ userId }) => userId !== plan.customer.userId);
  if (!stranger || !random.chance(0.15)) return;
  const foreign = callsOf(deps, stranger, `stranger-${orderId}`);
  await (random.chance(0.5) ? foreign.read(orderId, true) : foreign.cancel(orderId, true));
}

async function cancelInTime(random: Random, plan: PlannedOrder, calls: CustomerCalls, orderId: string): Promise<void> {
  if (plan.cancelAfterMs === null) return;
  await sleep(plan.cancelAfterMs);
  await untilAnswered(random, () => calls.cancel(orderId));
}

/** Asks until the answer is definite: an answer that was lost, and "again", are not. Null when patience ends. */
export async function untilAnswered(
  random: Random,
  ask: () => Promise<ClientOperation>,
): Promise<ClientOperation | null> {
  const giveUpAt = Date.now() + PATIENCE_MS;
  for (;;) {
    const answer = await ask();
    if (answer.status !== null && answer.status < 500 && answer.status !== 429) return answer;
    if (Date.now() > giveUpAt) return null;
    await sleep(random.between(...AGAIN_MS));
  }
}
