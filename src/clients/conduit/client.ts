import type { z } from 'zod';
import type { Instant } from '../../domain/order.ts';
import type { ProviderOrder } from '../../domain/provider-order.ts';
import type { QuoteOption, QuoteRequest } from '../../domain/quote.ts';
import {
  type ProviderCode,
  type QuoteRefusalClass,
  quoteRefusalClass,
  type SendOperation,
} from '../../domain/replies.ts';
import { assetRef } from './body.ts';
import { type CallDeps, type ConduitEndpoint, type ConduitLog, createCall } from './calls.ts';
import { createHttp, type HttpOptions, type HttpRequest } from './http.ts';
import { createOrderReads, get, type OrderReads } from './orders.ts';
import { ageOfPermit, type PermitStart } from './permit-clock.ts';
import { type RateLimited, readAs, type Unavailable } from './reads.ts';
import { AccountBody, NewWebhookBody, QuoteBody } from './schemas.ts';
import { readSend, type SendResult } from './sends.ts';

export interface ConduitClientOptions extends HttpOptions {
  /** How old a permit may be when the first byte leaves, in milliseconds. */
  readonly permitTtlMs: number;
  readonly log: ConduitLog;
  readonly onCall?: CallDeps['onCall'];
}

export type QuoteReply =
  | { readonly kind: 'quoted'; readonly options: readonly QuoteOption[]; readonly serverDate: Instant | null }
  | {
      readonly kind: 'refused';
      readonly cls: QuoteRefusalClass;
      readonly status: number;
      readonly code: ProviderCode;
    }
  | RateLimited
  | Unavailable;

/** A permit's age counts from before its transaction began. */
interface Permitted {
  readonly key: string;
  readonly permitStartedAt: PermitStart;
}

interface CreateSend extends Permitted {
  /** The stored bytes, sent as they are. */
  readonly body: string;
  readonly reference: string;
}

interface ExecuteSend extends Permitted {
  readonly conduitOrderId: string;
}

interface CancelSend {
  readonly key: string;
  readonly conduitOrderId: string;
}

/** `refused`: Conduit answered, and not with an account in use. */
type AccountProbe = { readonly kind: 'alive' | 'refused' } | RateLimited | Unavailable;

/**
 * Conduit v2. Every method makes one physical request (a list, one a page), repeats none, and returns what was learnt:
 * provider outcomes never throw. Only the one of the operator's command throws {@link ConduitCallError}.
 */
export interface ConduitClient extends OrderReads {
  requestQuote(request: QuoteRequest): Promise<QuoteReply>;
  createOrder(send: CreateSend): Promise<SendResult>;
  executeOrder(send: ExecuteSend): Promise<SendResult>;
  /** Needs no permit: a cancel moves no money. */
  cancelOrder(send: CancelSend): Promise<SendResult>;
  probeAccount(accountId: string, customerId: string | null): Promise<AccountProbe>;
  registerWebhook(url: string): Promise<{ readonly id: string; readonly secret: string }>;
  /** Resolves when the calls under way have ended, each by its deadline at the latest. */
  close(): Promise<void>;
}

/** A call of the operator's command that brought nothing. */
export class ConduitCallError extends Error {
  override readonly name = 'ConduitCallError';
  readonly code: ProviderCode;
  constructor(endpoint: ConduitEndpoint, code: ProviderCode) {
    super(`${endpoint} at Conduit failed: ${code}`);
    this.code = code;
  }
}

export function createConduitClient(options: ConduitClientOptions): ConduitClient {
  const { permitTtlMs, log, onCall } = options;
  const http = createHttp(options);
  const call = createCall({ http, log, onCall });

  const send = (
    operation: SendOperation,
    request: Omit<HttpRequest, 'method'>,
    isOurs: (order: ProviderOrder) => boolean,
  ) =>
    call(`order_${operation}`, { method: 'POST', ...request }, (outcome) => {
      const result = readSend(operation, outcome, isOurs);
      return { cls: result.outcome, code: result.code, result };
    });
  const post = <T>(endpoint: ConduitEndpoint, path: string, body: unknown, schema: z.ZodType<T>) =>
    call(endpoint, { method: 'POST', path, body: JSON.stringify(body) }, (outcome) => {
      const result = readAs(outcome, schema);
      return { cls: result.kind, code: 'code' in result ? result.code : null, result };
    });

  /** An age below nothing is of another clock, and no proof of youth; nor is one that is not a number. */
  const isYoung = (permitStartedAt: PermitStart) => () => {
    const ageMs = ageOfPermit(permitStartedAt);
    return ageMs >= 0 && ageMs <= permitTtlMs;
  };
  const orderPath = (conduitOrderId: string, step: string) => `/orders/${encodeURIComponent(conduitOrderId)}/${step}`;

  return {
    ...createOrderReads(call),

    async requestQuote({ from, to, amount }) {
      // No Idempotency-Key: Conduit refuses quotes that carry one.
      const body = { source: assetRef(from), destination: assetRef(to), lockSide: 'source', amount };
      const read = await post('quote', '/quotes', body, QuoteBody);
      if (read.kind === 'read') return { kind: 'quoted', options: read.value, serverDate: read.serverDate };
      if (read.kind !== 'refused') return read;
      const { status, code } = read;
      return { kind: 'refused', cls: quoteRefusalClass(status, code), status, code };
    },

    createOrder({ key, body, permitStartedAt, reference }) {
      const request = { path: '/orders', body, idempotencyKey: key, mayStart: isYoung(permitStartedAt) };
      return send('create', request, (order) => order.reference === reference);
    },

    executeOrder({ conduitOrderId, key, permitStartedAt }) {
      const path = orderPath(conduitOrderId, 'execute');
      const request = { path, idempotencyKey: key, mayStart: isYoung(permitStartedAt) };
      return send('execute', request, (order) => order.id === conduitOrderId);
    },

    cancelOrder({ conduitOrderId, key }) {
      const request = { path: orderPath(conduitOrderId, 'cancel'), idempotencyKey: key };
      return send('cancel', request, (order) => order.id === conduitOrderId);
    },

    async probeAccount(accountId, customerId) {
      // Conduit documents only a customer's virtual account; wallets, and accounts of the organisation itself, are by analogy.
      const folder = accountId.startsWith('vac_') ? 'virtual-accounts' : 'wallets';
      const owner = customerId === null ? '' : `/customers/${encodeURIComponent(customerId)}`;
      const path = `${owner}/${folder}/${encodeURIComponent(accountId)}`;
      const schema = AccountBody.refine((account) => account.id === accountId);
      const read = await get(call, 'account_get', path, schema);
      if (read.kind === 'rate_limited' || read.kind === 'unavailable') return read;
      // A status is not documented; one that names anything but an account in use must not lift a pause.
      const isAlive = read.kind === 'read' && (read.value.status ?? 'active') === 'active';
      return { kind: isAlive ? 'alive' : 'refused' };
    },

    async registerWebhook(url) {
      const read = await post('webhook_create', '/webhooks/endpoints', { url }, NewWebhookBody);
      if (read.kind !== 'read')
        throw new ConduitCallError('webhook_create', 'code' in read ? read.code : 'RATE_LIMITED');
      return { id: read.value.id, secret: read.value.secret };
    },

    close: () => http.close(),
  };
}
