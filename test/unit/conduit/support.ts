import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import { afterEach } from '@jest/globals';
import {
  type ConduitClient,
  type ConduitClientOptions,
  createConduitClient,
} from '../../../src/clients/conduit/client.ts';
import { startOfPermit } from '../../../src/clients/conduit/permit-clock.ts';

export const API_KEY = `ck_sandbox_${'5'.repeat(64)}`;

interface SeenRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export type Answer = (res: ServerResponse, req: IncomingMessage, seen: SeenRequest) => void;

export interface FakeConduit {
  readonly baseUrl: string;
  /** Requests whose body has arrived whole, in order. */
  readonly seen: readonly SeenRequest[];
  /** Requests of which at least the headers arrived. */
  readonly begun: () => number;
  readonly connections: () => number;
}

const cleanups: (() => Promise<void>)[] = [];

/** Ends what the test started, clients before servers. */
export function cleanUp(): void {
  afterEach(async () => {
    const failed: unknown[] = [];
    for (const clean of cleanups.splice(0).reverse()) await clean().catch((error: unknown) => failed.push(error));
    if (failed.length > 0) throw new AggregateError(failed, 'not everything could be ended');
  });
}

/** A real HTTP server whose every answer is the test's. `onHeaders` runs before the body is read and may break things. */
export async function startConduit(answer: Answer, onHeaders?: (req: IncomingMessage) => void): Promise<FakeConduit> {
  const seen: SeenRequest[] = [];
  let begun = 0;
  let connections = 0;
  const server = createServer((req, res) => {
    begun += 1;
    onHeaders?.(req);
    const chunks: Buffer[] = [];
    req.on('error', () => {}); // A client that gives up is a case under test.
    req.on('data', (chunk: Buffer) => chunks.push(chunk));
    req.on('end', () => {
      const body = Buffer.concat(chunks).toString();
      const request = { method: req.method ?? '', url: req.url ?? '', headers: req.headers, body };
      seen.push(request);
      answer(res, req, request);
    });
  });
  server.on('connection', () => {
    connections += 1;
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanups.push(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    baseUrl: `http://127.0.0.1:${address.port}/v2`,
    seen,
    begun: () => begun,
    connections: () => connections,
  };
}

interface Logged {
  readonly level: 'debug' | 'info';
  readonly fields: Record<string, unknown>;
}

export interface TestClient {
  readonly client: ConduitClient;
  readonly logged: readonly Logged[];
  readonly calls: readonly (readonly [string, string])[];
}

export function clientOf(baseUrl: string, options: Partial<ConduitClientOptions> = {}): TestClient {
  const logged: Logged[] = [];
  const calls: [string, string][] = [];
  const client = createConduitClient({
    baseUrl,
    apiKey: API_KEY,
    timeoutMs: 2_000,
    connectTimeoutMs: 500,
    maxConnections: 4,
    permitTtlMs: 2_000,
    log: {
      debug: (fields) => logged.push({ level: 'debug', fields: { ...fields } }),
      info: (fields) => logged.push({ level: 'info', fields: { ...fields } }),
    },
    onCall: (endpoint, cls) => calls.push([endpoint, cls]),
    ...options,
  });
  cleanups.push(() => client.close());
  return { client, logged, calls };
}

export function json(res: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}): void {
  res.writeHead(status, { 'content-type': 'application/json', 'x-correlation-id': 'corr-1', ...headers });
  res.end(JSON.stringify(body));
}

export const REFERENCE = '0f0e0d0c-0b0a-4908-8706-050403020100:g1';
export const ORDER_ID = 'ord_0000000000000000000001';

/** An order as Conduit prints it: absent fields are left out. */
export function orderBody(changes: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    id: ORDER_ID,
    customerId: null,
    clientReferenceId: REFERENCE,
    quoteOptionId: 'qop_1',
    status: 'pending',
    type: 'conversion',
    destination: { type: 'wallet', id: 'wlt_2' },
    sourceAsset: { code: 'USDT', chain: 'ethereum', amount: '19.900000' },
    destinationAsset: { code: 'USDC', chain: 'ethereum', amount: '18.400000' },
    totalDebit: { code: 'USDT', chain: 'ethereum', amount: '20.000000' },
    lockSide: 'source',
    rate: { endUserRate: '0.9246231155', referenceRate: '0.92694046', totalSpreadBps: '25' },
    fees: [
      {
        type: 'fixed',
        charge: 'conversion',
        owner: 'conduit',
        assetAmount: { code: 'USDT', chain: 'ethereum', amount: '0.100000' },
      },
    ],
    lockExpiresAt: '2030-01-01T02:00:00.000Z',
    createdAt: '2030-01-01T00:00:00.000Z',
    autoExecute: false,
    linkedTransactionIds: [],
    ...changes,
  };
}

export function without(body: Record<string, unknown>, field: string): Record<string, unknown> {
  return Object.fromEntries(Object.entries(body).filter(([name]) => name !== field));
}

export function problem(type: string, status: number, changes: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    type,
    title: 'A title',
    status,
    detail: 'A detail',
    resolution: 'Do something',
    docs: 'https://example.test/errors',
    instance: '/v2/orders',
    timestamp: '2030-01-01T00:00:00.000Z',
    ...changes,
  };
}

/** A create as an activity would send it, its permit just taken. */
export function create(client: ConduitClient, permitStartedAt = startOfPermit()) {
  return client.createOrder({
    key: `${REFERENCE}:create`,
    body: '{"quoteOptionId":"qop_1"}',
    permitStartedAt,
    reference: REFERENCE,
  });
}

export function execute(client: ConduitClient, permitStartedAt = startOfPermit()) {
  return client.executeOrder({ conduitOrderId: ORDER_ID, key: `${REFERENCE}:execute:1`, permitStartedAt });
}

export function cancel(client: ConduitClient) {
  return client.cancelOrder({ conduitOrderId: ORDER_ID, key: `${REFERENCE}:cancel:1` });
}
