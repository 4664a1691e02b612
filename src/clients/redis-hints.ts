import { randomUUID } from 'node:crypto';
import type { GuardedRedis } from './redis.ts';

/** A lock's owner: without the same token nobody releases it. `null`: Redis is away, and there is nothing to release. */
export type OrderLock = { readonly token: string } | null;

/**
 * What Redis knows that spares work. Losing all of it, or being told nothing at all, costs a call to the provider and never
 * more: the permit, not the lock, prevents a twin, and the rows, not a kept reply, say what was sent.
 */
export interface RedisHints {
  /** `order:rate:{order_id}`: whether the order took a firm quote a moment ago. */
  isThrottled(orderId: string): Promise<boolean>;
  throttleOrder(orderId: string, forMs: number): Promise<void>;
  /** `order:lock:{order_id}`, 20 s: `held` means that somebody else works on the order, so try later. */
  lockOrder(orderId: string): Promise<OrderLock | 'held'>;
  unlockOrder(orderId: string, lock: OrderLock): Promise<void>;
  /** `idempotency:{key}`, 24 h: what a create, execute or cancel at Conduit was answered under its key, 2xx only. */
  keepReply(key: string, reply: string): Promise<void>;
  readReply(key: string): Promise<string | null>;
  /** `rate:{pair}`: the pair's newest rate, for one interval and a half; for display. */
  keepRate(pair: string, rate: string, forMs: number): Promise<void>;
}

/** Longer than a firm quote and its records take, short enough that a killed worker's lock is soon forgotten. */
const LOCK_MS = 20_000;
const REPLY_MS = 86_400_000;
/** What PTTL says of a key that has no end: a lock like that is none of ours, and nobody would ever release it. */
const NO_END = -1;

const RELEASE_IF_OWNER = `if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0`;

export function createRedisHints(redis: GuardedRedis): RedisHints {
  const lockKey = (orderId: string) => `order:lock:${orderId}`;
  const throttleKey = (orderId: string) => `order:rate:${orderId}`;
  const replyKey = (key: string) => `idempotency:${key}`;
  const rateKey = (pair: string) => `rate:${pair}`;

  return {
    // One that never ends is none of ours, and would keep its order from looking for good.
    isThrottled: (orderId) => redis.run(false, async (client) => (await client.pttl(throttleKey(orderId))) > 0),
    async throttleOrder(orderId, forMs) {
      await redis.run(null, (client) => client.set(throttleKey(orderId), '1', 'PX', Math.max(1, Math.round(forMs))));
    },
    async lockOrder(orderId) {
      const token = randomUUID();
      return redis.run(null, async (client) => {
        const taken = await client.set(lockKey(orderId), token, 'PX', LOCK_MS, 'NX');
        if (taken === 'OK') return { token };
        return (await client.pttl(lockKey(orderId))) === NO_END ? null : 'held';
      });
    },
    async unlockOrder(orderId, lock) {
      if (lock) await redis.run(null, (client) => client.eval(RELEASE_IF_OWNER, 1, lockKey(orderId), lock.token));
    },
    async keepReply(key, reply) {
      await redis.run(null, (client) => client.set(replyKey(key), reply, 'PX', REPLY_MS));
    },
    readReply: (key) => redis.run(null, (client) => client.get(replyKey(key))),
    async keepRate(pair, rate, forMs) {
      await redis.run(null, (client) => client.set(rateKey(pair), rate, 'PX', Math.max(1, Math.round(forMs))));
    },
  };
}
