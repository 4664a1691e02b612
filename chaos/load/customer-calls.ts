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
    const reply = await answerTo(`${apiUrl}${path}`, method, customer.apiKey, body);
    const { status, text, replayed, retryAfter } = reply;
    const said = parsed(text);
    const shown = typeof said === 'object' && said !== null ? (said as Record<string, unknown>) : {};
    const isGranted = status !== null && status < 300;
    const isOrder = isGranted && typeof shown['order_id'] === 'string' && 'version' in shown;
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
      code: typeof shown['code'] === 'string' ? shown['code'] : reply.fault,
      // Of a read what was asked for: another order in its answer is for the judge to see.
      orderId: orderId ?? (isOrder ? String(shown['order_id']) : null),
      ...(body ? { key: body.idempotency_key, bodyNumber: bodyNumber ?? 0, request: { ...body }, replayed } : {}),
      ...(isOrder ? { shown: { status: String(shown['status']), version: Number(shown['version']) } } : {}),
      ...(status === null ? {} : { retryAfter, ...(isGranted ? { answer: said } : { error: said }) }),
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
  readonly retryAfter: string | null;
  /** Why there was no answer. */
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
    const { status, headers } = reply;
    const replayed = headers.get('idempotency-replayed') === 'true';
    return { status, text: await reply.text(), replayed, retryAfter: headers.get('retry-after'), fault: null };
  } catch (error) {
    const { name, cause } = error as Error & { cause?: { code?: string } };
    return { status: null, text: '', replayed: false, retryAfter: null, fault: cause?.code ?? name };
  }
}

/** What a gateway says is no JSON; how it begins tells enough. */
const TEXT_KEPT = 2_000;

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text.slice(0, TEXT_KEPT);
  }
}
