import type { GuardedRedis } from '../clients/redis.ts';
import { createOrderCache, type OrderCache } from '../clients/redis-cache.ts';
import type { Database } from '../db/client.ts';
import { loadOrderSnapshot, type OrderSnapshot } from '../db/order-snapshots.ts';

/** The cache of orders, filled from the database. */
export function orderCacheOf(redis: GuardedRedis, db: Database): OrderCache<OrderSnapshot> {
  return createOrderCache({ redis, load: (orderId) => loadOrderSnapshot(db, orderId) });
}
