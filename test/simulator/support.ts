import { createHash, createHmac, randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AccountView } from '../../simulator/book/accounts.ts';
import type { Order, WebhookEvent } from '../../simulator/book/entries.ts';
import { createSimulatorControl, type SimulatorControl } from '../../simulator/control.ts';
import type { Money } from '../../simulator/core/assets.ts';
import { createLog } from '../../simulator/core/log.ts';
import type { Priced } from '../../simulator/core/pricing.ts';
import { createSimulator, type Simulator, type SimulatorOptions } from '../../simulator/simulator.ts';

export const PAIR = 'USDT.ethereum-USDC.ethereum';
export const USDT = { code: 'USDT', chain: 'ethereum' };
export const USDC = { code: 'USDC', chain: 'ethereum' };

const FULL_KEY = `ck_sandbox_${'a1'.repeat(32)}`;
export const READ_ONLY_KEY = `ck_sandbox_${'b2'.repeat(32)}`;

/** A list whose first item a test may name; when there is none, the test fails on it. */
type Some<T> = [T, ...T[]];

/** Every field that some reply of the wire has. A test names those it expects; one that is missing reads undefined. */
export type Body = Order & {
  linkedTransactionIds: Some<string>;
  code: string;
  secret: string;
  expiresAt: string;
  retryAfterSeconds: number;
  errors: Some<{ pointer: string; detail: string; allowedValues?: string[] }>;
  data: Some<Body>;
  meta: { nextCursor: string | null; previousCursor: string | null; total: number };
  options: Some<Priced & { id: string }>;
  balances: Some<AccountView['balances'][number]>;
  assetAmount: Money;
};

type Answer = { status: number; headers: Headers; text: string; body: Body };

type CallOptions = {
  body?: unknown;
  key?: string | undefined;
  headers?: Record<string, string>;
  raw?: string;
  /** Aborted, the caller goes away without its answer. */
  signal?: AbortSignal;
};

export type Api = {
  call(method: string, path: string, options?: CallOptions): Promise<Answer>;
  quote(amount?: string): Promise<Answer>;
  /** The only option of a fresh quote. */
  option(amount?: string): Promise<Body['options'][number]>;
  /** Redeems an option, or one of a fresh quote. */
  create(fields?: { optionId?: string; reference?: string; key?: string; extra?: object }): Promise<Answer>;
  execute(orderId: string, key?: string): Promise<Answer>;
  cancel(orderId: string, key?: string): Promise<Answer>;
  get(orderId: string): Promise<Answer>;
};

/** A well-formed id made of a word, the same for the same word. */
export function idOf(prefix: string, word: string): string {
  return `${prefix}_${createHash('sha256').update(word).digest('hex').slice(0, 22)}`;
}

function createApi(url: string): Api {
  async function call(method: string, path: string, options: CallOptions = {}): Promise<Answer> {
    const { body, key, headers, raw, signal } = options;
    const sent = raw ?? (body === undefined ? undefined : JSON.stringify(body));
    const reply = await fetch(`${url}/v2${path}`, {
      method,
      headers: {
        'x-api-key': FULL_KEY,
        ...(sent === undefined ? {} : { 'content-type': 'application/json' }),
        ...(key === undefined ? {} : { 'idempotency-key': key }),
        ...headers,
      },
      ...(sent === undefined ? {} : { body: sent }),
      ...(signal === undefined ? {} : { signal }),
    });
    const text = await reply.text();
    const isJson = reply.headers.get('content-type')?.includes('json') === true && text !== '';
    return { status: reply.status, headers: reply.headers, text, body: isJson ? JSON.parse(text) : {} };
  }

  async function quote(amount = '20.00'): Promise<Answer> {
    return call('POST', '/quotes', { body: { source: USDT, destination: USDC, lockSide: 'source', amount } });
  }

  const api: Api = {
    call,
    quote,
    async option(amount) {
      const { body } = await quote(amount);
      if (!body.options?.[0]) throw new Error(`no option: ${JSON.stringify(body)}`);
      return body.options[0];
    },
    async create({ optionId, reference = `${randomUUID()}:g1`, key = randomUUID(), extra = {} } = {}) {
      const quoteOptionId = optionId ?? (await api.option()).id;
      const source = { type: 'wallet', id: idOf('wlt', 'source'), asset: USDT };
      const destination = { type: 'wallet', id: idOf('wlt', 'destination'), asset: USDC };
      const body = { quoteOptionId, source, destination, clientReferenceId: reference, autoExecute: false, ...extra };
      return call('POST', '/orders', { body, key });
    },
    execute: (orderId, key = randomUUID()) => call('POST', `/orders/${orderId}/execute`, { key }),
    cancel: (orderId, key = randomUUID()) => call('POST', `/orders/${orderId}/cancel`, { key }),
    get: (orderId) => call('GET', `/orders/${orderId}`),
  };
  return api;
}

export type Running = { simulator: Simulator; api: Api; control: SimulatorControl; url: string; ledgerFile: string };

const closers: (() => Promise<void>)[] = [];

export async function newLedgerFile(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'simulator-'));
  closers.push(() => rm(folder, { recursive: true, force: true }));
  return join(folder, 'ledger.jsonl');
}

const started: Simulator[] = [];

/** A simulator of this test's own on a free port, with a settle delay of 60 ms; `stopAll` ends it. */
export async function start(options: Partial<SimulatorOptions> = {}): Promise<Running> {
  const ledgerFile = options.ledgerFile ?? (await newLedgerFile());
  const simulator = createSimulator({
    apiKey: FULL_KEY,
    readOnlyKey: READ_ONLY_KEY,
    rates: { [PAIR]: '0.9150', 'USD-EUR': '0.92' },
    allowHttpWebhooks: true, // Every receiver of a test is on this machine.
    log: createLog('error'),
    ...options,
    ledgerFile,
    knobs: { settleDelayMs: 60, ...options.knobs },
  });
  const { url } = await simulator.start();
  started.push(simulator);
  return { simulator, api: createApi(url), control: createSimulatorControl(`${url}/v2`), url, ledgerFile };
}

export function apiAt(url: string): Api {
  return createApi(url);
}

/** The environment of a simulator process that takes this file's keys. */
export function processKeys(): Record<string, string> {
  return { SIMULATOR_API_KEY: FULL_KEY, SIMULATOR_READ_ONLY_KEY: READ_ONLY_KEY };
}

export async function stopAll(): Promise<void> {
  await Promise.all(started.splice(0).map((simulator) => simulator.stop()));
  await Promise.all(closers.splice(0).map((close) => close()));
}

/** Polls until `look` gives something other than undefined or false; fails after five seconds. */
export async function until<T>(look: () => Promise<T | undefined | false> | T | undefined | false): Promise<T> {
  const deadline = Date.now() + 5_000;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (Date.now() > deadline) throw new Error('the condition did not come true within 5 s');
    await new Promise((done) => setTimeout(done, 15));
  }
}

/** Waits until an order reads a status, and returns the order. */
export function untilStatus(api: Api, orderId: string, status: string): Promise<Body> {
  return until(async () => {
    const { body } = await api.get(orderId);
    return body.status === status && body;
  });
}

export type Received = { headers: Record<string, string>; raw: string; event: WebhookEvent };

/** A webhook receiver that keeps what it got and answers what `respond` says. */
export async function receiver(respond: (received: Received, count: number) => number = () => 200) {
  const received: Received[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const raw = Buffer.concat(chunks).toString();
    const one = { headers: request.headers as Record<string, string>, raw, event: JSON.parse(raw) };
    received.push(one);
    response.writeHead(respond(one, received.length)).end();
  });
  await new Promise<void>((done) => void server.listen(0, '127.0.0.1', done));
  closers.push(async () => {
    server.closeAllConnections();
    await new Promise((done) => void server.close(done));
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`, received };
}

/** How many of the signatures of a delivery fit this secret, computed here from the documented rule alone. */
export function matchingSignatures({ headers, raw }: Received, secret: string): number {
  const parts = (headers['x-conduit-signature'] ?? '').split(',');
  const t = parts[0]?.replace('t=', '');
  const expected = `v1=${createHmac('sha256', secret).update(`${t}.${raw}`).digest('hex')}`;
  return parts.filter((part) => part === expected).length;
}
