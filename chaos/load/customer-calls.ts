import type { ClientOperation, History } from '../evidence/history.ts';
import type { Customer } from '../system/system.ts';

/** What an order asks for, as the API spells it. */
export interface OrderBody {
  readonly from_currency: string;
  readonly to_currency: string;
  readonly from_network: string | null;
  readonly to_network: string | null;
  readonly amount: string;
  readonly target_rate: string;
  readonly direction: '>=' | '<=';
  readonly idempotency_key: string;
  readonly user_id: string;
  readonly expires_at: string;
}

/** One client of the API, who writes down all that it was told. No call throws; one without an answer has no status. */
export interface CustomerCalls {
  create(body: OrderBody, bodyNumber?: number): Promise<ClientOperation>;
  read(orderId: string, isForeign?: boolean): Promise<ClientOperation>;
  events(orderId: string, isForeign?: boolean): Promise<ClientOperation>;
  cancel(orderId: string, isForeign?: boolean): Promise<ClientOperation>;
}

interface Asked {
  readonly operation: ClientOperation['operation'];
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly isForeign?: boolean;
  readonly body?: OrderBody;
  readonly bodyNumber?: number;
  readonly orderId?: string;
}

/** Longer than the api's own deadline for an answer. */
const ANSWER_DEADLINE_MS = 22_000;

export function callsOf(
  { apiUrl, experiment, history }: { apiUrl: string; experiment: string; history: History },
  customer: Customer,
  client: string,
): CustomerCalls {
  async function ask({
    operation,
    method,
    path,
    isForeign = false,
    body,
    bodyNumber,
    orderId,
  }: Asked): Promise<ClientOperation> {
    const beganAt = Date.now();
    const answer = await answerTo(`${apiUrl}${path}`, method, customer.apiKey, body);
    const { status, text, replayed } = answer;
    const shown = parsed(text);
    const isOrder = status !== null && status < 300 && typeof shown['order_id'] === 'string' && 'version' in shown;
    const entry: ClientOperation = {
      kind: 'operation',
      experiment,
      client,
      userId: customer.userId,
      operation,
      isForeign,
      beganAt,
      endedAt: Date.now(),
      status,
      code: typeof shown['code'] === 'string' ? shown['code'] : answer.fault,
      orderId: isOrder ? String(shown['order_id']) : (orderId ?? null),
      ...(body ? { key: body.idempotency_key, bodyNumber: bodyNumber ?? 0, request: { ...body }, replayed } : {}),
      ...(isOrder ? { shown: { status: String(shown['status']), version: Number(shown['version']) } } : {}),
      ...(status !== null && status >= 400 ? { error: shown } : {}),
    };
    history.add(entry);
    return entry;
  }

  return {
    create: (body, bodyNumber) =>
      ask({
        operation: 'create',
        method: 'POST',
        path: '/orders',
        body,
        ...(bodyNumber === undefined ? {} : { bodyNumber }),
      }),
    read: (orderId, isForeign = false) =>
      ask({ operation: 'read', method: 'GET', path: `/orders/${orderId}`, orderId, isForeign }),
    events: (orderId, isForeign = false) =>
      ask({ operation: 'events', method: 'GET', path: `/orders/${orderId}/events`, orderId, isForeign }),
    cancel: (orderId, isForeign = false) =>
      ask({ operation: 'cancel', method: 'POST', path: `/orders/${orderId}/cancel`, orderId, isForeign }),
  };
}

interface Answer {
  readonly status: number | null;
  readonly text: string;
  readonly replayed: boolean;
  readonly fault: string | null;
}

async function answerTo(url: string, method: string, apiKey: string, body?: OrderBody): Promise<Answer> {
  try {
    const reply = await fetch(url, {
      method,
      headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
      signal: AbortSignal.timeout(ANSWER_DEADLINE_MS),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await reply.text();
    return { status: reply.status, text, replayed: reply.headers.get('idempotency-replayed') === 'true', fault: null };
  } catch (error) {
    const { name, cause } = error as Error & { cause?: { code?: string } };
    return { status: null, text: '', replayed: false, fault: cause?.code ?? name };
  }
}

function parsed(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
