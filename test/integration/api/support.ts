import { randomUUID } from 'node:crypto';
import { newApiKey } from '../../../src/api/api-key.ts';
import { type ApiDeps, createApi } from '../../../src/api/app.ts';
import { createApiServer } from '../../../src/api/server.ts';
import type { QuoteReply } from '../../../src/clients/conduit/client.ts';
import { connectRedis, type GuardedRedis } from '../../../src/clients/redis.ts';
import { createOrderCache, createUserCache, type OrderCache } from '../../../src/clients/redis-cache.ts';
import { insertApiKey } from '../../../src/db/api-keys.ts';
import { connectDatabase, type Database } from '../../../src/db/client.ts';
import { loadOrderSnapshot, type OrderSnapshot } from '../../../src/db/order-snapshots.ts';
import { setUserAccounts } from '../../../src/db/users.ts';
import { Decimal } from '../../../src/domain/decimal.ts';
import type { QuoteRequest } from '../../../src/domain/quote.ts';
import type { Timing } from '../../../src/domain/timing.ts';
import { createLogger } from '../../../src/logger.ts';
import { createMetrics, type Metrics } from '../../../src/metrics.ts';
import { createTestDatabase } from '../../support/database.ts';
import { testRedisUrl } from '../../support/redis.ts';

export const WEBHOOK_SECRET = 'whsec_0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef';

const TIMING: Timing = {
  sendMarginMs: 15_000,
  quoteMarginMs: 30_000,
  resendWindowMs: 240_000,
  retryBaseMs: 60_000,
  orphanWatchMs: 900_000,
  permitTtlMs: 2_000,
  secondMs: 1_000,
};

const LIMITS: ApiDeps['limits'] = {
  minExpiryMs: 120_000,
  maxExpiryMs: 180 * 86_400_000,
  maxAmount: '1000000',
  maxFeeShareBps: 2_000,
  targetPlausibleFactor: '10',
  maxStopGapBps: 500,
};

/** The answers of Conduit's quotes, in a test's hand. */
export interface FakeConduit {
  readonly asked: QuoteRequest[];
  /** What the next quotes are answered with; null: a quote at `rate`. */
  reply: QuoteReply | null;
  /** Reference rate of the quotes; the spread is 25 basis points, the fee 0.10 of the source. */
  rate: string;
  /** Waited for before an answer. */
  hold: Promise<void> | null;
  requestQuote: (request: QuoteRequest) => Promise<QuoteReply>;
}

function fakeConduit(): FakeConduit {
  const fake: FakeConduit = {
    asked: [],
    reply: null,
    rate: '0.9150',
    hold: null,
    async requestQuote(request) {
      fake.asked.push(request);
      if (fake.hold) await fake.hold;
      return fake.reply ?? quoted(request, fake.rate);
    },
  };
  return fake;
}

function quoted({ from, to, amount }: QuoteRequest, rate: string): QuoteReply {
  const endUserRate = new Decimal(rate).times('0.9975').toDecimalPlaces(15);
  const sent = new Decimal(amount).minus('0.10');
  if (sent.lte(0)) return { kind: 'refused', cls: 'final', status: 422, code: 'AMOUNT_OUT_OF_RANGE' };
  const arrived = sent.times(endUserRate).toDecimalPlaces(2).toFixed();
  const inSource = (text: string) => ({ currency: from.currency, network: from.network, amount: text });
  const inDestination = (text: string) => ({ currency: to.currency, network: to.network, amount: text });
  return {
    kind: 'quoted',
    serverDate: Date.now(),
    options: [
      {
        quoteId: `qte_${randomUUID().slice(0, 8)}`,
        optionId: `qop_${randomUUID().slice(0, 8)}`,
        createdAt: Date.now(),
        expiresAt: Date.now() + 300_000,
        echo: { lockSide: 'source', amount, from, to },
        referenceRate: rate,
        endUserRate: endUserRate.toFixed(),
        spreadBps: '25',
        fees: [inSource('0.10')],
        sourceAmount: inSource(sent.toFixed()),
        destinationAmount: inDestination(arrived),
        recipientAmount: inDestination(arrived),
        totalDebit: inSource(amount),
      },
    ],
  };
}

export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: a reply is looked into field by field, and a wrong guess fails its test.
  readonly body: any;
}

export interface TestApi {
  readonly url: string;
  readonly db: Database;
  readonly redis: GuardedRedis;
  readonly orderCache: OrderCache<OrderSnapshot>;
  readonly conduit: FakeConduit;
  readonly metrics: Metrics;
  request(method: string, path: string, options?: RequestOptions): Promise<Reply>;
  stop(): Promise<void>;
}

export interface RequestOptions {
  readonly key?: string | null;
  /** Sent as it is when it is a text, as JSON otherwise. */
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
}

export interface TestApiOptions {
  readonly databaseUrl: string;
  readonly redisUrl?: string;
  readonly conduit?: FakeConduit;
  readonly limits?: Partial<ApiDeps['limits']>;
  readonly webhookSecrets?: readonly string[];
  readonly now?: () => number;
  readonly rateRefreshMs?: number;
  readonly answerDeadlineMs?: number;
  readonly maxConnections?: number;
}

/** The API in this process, on a free port, with a database and a Redis of its own. */
async function startTestApi(options: TestApiOptions): Promise<TestApi> {
  const log = createLogger('api', process.env['TEST_LOG_LEVEL'] ?? 'silent');
  const db = connectDatabase({
    url: options.databaseUrl,
    applicationName: 'test-api',
    maxConnections: options.maxConnections ?? 10,
  });
  const redis = connectRedis(options.redisUrl ?? testRedisUrl(), log);
  const orderCache = createOrderCache({ redis, load: (id) => loadOrderSnapshot(db, id) });
  const conduit = options.conduit ?? fakeConduit();
  const metrics = createMetrics('api');
  const app = createApi({
    db,
    orderCache,
    users: createUserCache(redis),
    requestQuote: conduit.requestQuote,
    limits: { ...LIMITS, ...options.limits },
    timing: TIMING,
    sanity: { jumpFactor: '1.2', absurdFactor: '10' },
    // Short enough that a test need not wait for it, long enough that a slow machine does not cross it unawares.
    rateRefreshMs: options.rateRefreshMs ?? 60_000,
    webhookSecrets: options.webhookSecrets ?? [WEBHOOK_SECRET],
    now: options.now ?? Date.now,
    answerDeadlineMs: options.answerDeadlineMs ?? 20_000,
    isReady: async () => (await db`select 1`).length === 1,
    log,
    metrics,
  });
  const server = createApiServer(app);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;

  return {
    url,
    db,
    redis,
    orderCache,
    conduit,
    metrics,
    request: (method, path, request = {}) => send(url, method, path, request),
    async stop() {
      await new Promise((resolve) => {
        server.close(resolve);
        server.closeAllConnections();
      });
      await db.end({ timeout: 1 });
      redis.close();
    },
  };
}

async function send(url: string, method: string, path: string, { key, body, headers }: RequestOptions): Promise<Reply> {
  const reply = await fetch(url + path, {
    method,
    headers: {
      ...(key ? { authorization: `Bearer ${key}` } : {}),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    signal: AbortSignal.timeout(25_000),
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await reply.text();
  return { status: reply.status, headers: reply.headers, body: text === '' ? null : JSON.parse(text) };
}

export interface TestUser {
  readonly id: string;
  readonly key: string;
  readonly accounts: readonly string[];
}

/** A user with accounts for USDT and USDC on Ethereum, USD and EUR, and a key. */
export async function addTestUser(db: Database): Promise<TestUser> {
  const id = randomUUID();
  const accountId = (kind: string) => `${kind}_${randomUUID().replaceAll('-', '').slice(0, 22)}`;
  const accounts = [
    { asset: 'USDT.ethereum', accountId: accountId('wlt') },
    { asset: 'USDC.ethereum', accountId: accountId('wlt') },
    { asset: 'USD', accountId: accountId('vac') },
    { asset: 'EUR', accountId: accountId('vac') },
  ];
  await setUserAccounts(db, { userId: id, customerId: null, accounts });
  return { id, key: await addTestKey(db, id), accounts: accounts.map((account) => account.accountId) };
}

/** A key that acts for the user, or with null for any. */
export async function addTestKey(db: Database, userId: string | null): Promise<string> {
  const { key, prefix, hash } = newApiKey();
  if (!(await insertApiKey(db, { hash, prefix, userId }))) return addTestKey(db, userId);
  return key;
}

/** A body that is accepted: 20 USDT → USDC at 0.92, for an hour, under a key of its own. */
export function orderBody(userId: string, fields: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    from_currency: 'USDT',
    to_currency: 'USDC',
    from_network: 'ethereum',
    to_network: 'ethereum',
    amount: '20.00',
    target_rate: '0.9200000000',
    direction: '>=',
    idempotency_key: randomUUID(),
    user_id: userId,
    expires_at: new Date(Date.now() + 3_600_000).toISOString(),
    ...fields,
  };
}

/** The rows that a create may leave behind, to compare before with after. */
export async function countRows(db: Database): Promise<Record<string, number>> {
  const [row] = await db<Record<string, number>[]>`
    select (select count(*) from orders)::int as orders, (select count(*) from idempotency_keys)::int as keys,
      (select count(*) from order_events)::int as events, (select count(*) from outbox)::int as messages`;
  return row ?? {};
}

/** What a test file shares: its own database, one API on it, and others as tests want them; all are stopped at its end. */
export async function startTestBed(options: Partial<TestApiOptions> = {}) {
  const database = await createTestDatabase();
  const started: TestApi[] = [];
  async function startApi(more: Partial<TestApiOptions> = {}): Promise<TestApi> {
    const api = await startTestApi({ databaseUrl: database.url, ...more });
    started.push(api);
    return api;
  }
  return {
    database,
    api: await startApi(options),
    startApi,
    async stop() {
      await Promise.all(started.map((api) => api.stop()));
      await database.drop();
    },
  };
}

export type TestBed = Awaited<ReturnType<typeof startTestBed>>;
