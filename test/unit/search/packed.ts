/** How many different rows, and held plans, one search may meet: together 2^53 worlds, the largest exact number. */
const ORDERS = 2 ** 8;
export const ATTEMPTS = 2 ** 19;
export const PLANS = 2 ** 7;

/** A world as the numbers of its parts: the order's row, its two attempts with Conduit, and the plan of the second hand. */
export type Parts = readonly [order: number, first: number, second: number, plan: number];

/** A world in one number. */
export function pack(order: number, first: number, second: number, plan: number): number {
  if (first >= ATTEMPTS || second >= ATTEMPTS || plan >= PLANS || order >= ORDERS)
    throw new Error('the bounds are too wide for one number');
  return ((order * ATTEMPTS + first) * ATTEMPTS + second) * PLANS + plan;
}

/** The world after a change of its order, one attempt and the held plan. */
export function packAt(at: 0 | 1, [, a1, a2]: Parts, order: number, attempt: number, plan: number): number {
  return at === 0 ? pack(order, attempt, a2, plan) : pack(order, a1, attempt, plan);
}

export function unpack(world: number): Parts {
  const attempts = Math.floor(world / PLANS);
  const upper = Math.floor(attempts / ATTEMPTS);
  return [Math.floor(upper / ATTEMPTS), upper % ATTEMPTS, attempts % ATTEMPTS, world % PLANS];
}
