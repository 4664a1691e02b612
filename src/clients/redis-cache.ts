import type { GuardedRedis } from './redis.ts';

const ORDER_TTL_MS = 30_000;
const USER_TTL_MS = 3_600_000;

/** Names the shape of what is stored, so that a process of another release never reads it as its own. */
const ORDER_SHAPE = 'order:1';

/** An older version never replaces a newer one: a reader that was held up between its read and its write loses. */
const WRITE_IF_NEWER = `
local held = tonumber(redis.call('hget', KEYS[1], 'version'))
if held and held > tonumber(ARGV[1]) then return 0 end
redis.call('hset', KEYS[1], 'version', ARGV[1], ARGV[2], ARGV[3])
redis.call('pexpire', KEYS[1], ARGV[4])
return 1`;

/**
 * `order:cache:{order_id}`: orders as last read, for 30 seconds. For answers to reads only, and only while the row has the same
 * version; no decision looks here.
 */
export interface OrderCache<Snapshot> {
  /** Null when it is not there, or Redis is away. */
  read(orderId: string): Promise<Snapshot | null>;
  write(snapshot: Snapshot): Promise<void>;
  /** Reads the order's row and keeps it: to be called after each change of it. Never fails. */
  refresh(orderId: string): Promise<void>;
}

export interface OrderCacheDeps<Snapshot> {
  readonly redis: GuardedRedis;
  /** Reads an order from the database. */
  readonly load: (orderId: string) => Promise<Snapshot | null>;
}

export function createOrderCache<Snapshot extends { readonly id: string; readonly version: number }>({
  redis,
  load,
}: OrderCacheDeps<Snapshot>): OrderCache<Snapshot> {
  const keyOf = (orderId: string) => `order:cache:${orderId}`;

  async function write(snapshot: Snapshot): Promise<void> {
    const { id, version } = snapshot;
    await redis.run(null, (client) =>
      client.eval(WRITE_IF_NEWER, 1, keyOf(id), version, ORDER_SHAPE, JSON.stringify(snapshot), ORDER_TTL_MS),
    );
  }

  return {
    write,
    async read(orderId) {
      const text = await redis.run(null, (client) => client.hget(keyOf(orderId), ORDER_SHAPE));
      return text === null ? null : parse<Snapshot>(text);
    },
    async refresh(orderId) {
      const snapshot = await load(orderId).catch(() => null);
      if (snapshot) await write(snapshot);
    },
  };
}

/** `user:{user_id}`: what is shown of a user, for an hour. No money call and no check of a key reads it. */
export interface UserCache {
  readAssets(userId: string): Promise<readonly string[] | null>;
  writeAssets(userId: string, assets: readonly string[]): Promise<void>;
}

export function createUserCache(redis: GuardedRedis): UserCache {
  const keyOf = (userId: string) => `user:${userId}`;
  return {
    async readAssets(userId) {
      const text = await redis.run(null, (client) => client.get(keyOf(userId)));
      return text === null ? null : (parse<{ assets: string[] }>(text)?.assets ?? null);
    },
    async writeAssets(userId, assets) {
      await redis.run(null, (client) => client.set(keyOf(userId), JSON.stringify({ assets }), 'PX', USER_TTL_MS));
    },
  };
}

function parse<Value>(text: string): Value | null {
  try {
    return JSON.parse(text) as Value;
  } catch {
    return null;
  }
}
