// What the requests of a search brought about, held against the rows: nothing but what was answered.
import type { Stage } from '../../experiments/experiment.ts';
import { callsOf } from '../../load/customer-calls.ts';
import type { Customer } from '../../system/system.ts';
import type { RawReply } from '../raw-http.ts';

/** What creates ask the provider for before they are refused: the judge counts its quotes. */
const ASKED_FOR_A_QUOTE = new Set([
  'amount_eaten_by_fees',
  'below_floor',
  'target_implausible',
  'quote_refused',
  'quote_unavailable',
  'storage_unavailable',
]);

/** What was asked, and between which times the answer was heard. */
export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly body: Buffer;
  readonly askedAt: number;
  readonly heardAt: number;
}

export interface Book {
  /** Writes down what an answer says has happened; an order that came into being is cancelled. */
  keep(asked: Asked, reply: RawReply): Promise<void>;
  /** What there is that no answer told of. */
  untold(): Promise<string[]>;
  readonly orders: number;
  readonly events: number;
}

/** From now on; `customer` is the one in whose name the requests are made. */
export async function openBook(stage: Stage, customer: Customer): Promise<Book> {
  const { system, history, experiment } = stage;
  const calls = callsOf({ apiUrl: system.apiUrl, experiment, history }, customer, `${experiment}-search`);
  const [clock] = await system.db<{ now: number }[]>`select app_now() as now`;
  const beganAt = clock?.now ?? 0;
  const eventIds = new Set<string>();
  let orders = 0;

  function record(
    operation: 'create' | 'cancel',
    { askedAt, heardAt }: Asked,
    reply: RawReply,
    shown: Record<string, unknown>,
  ): void {
    const isOrder = reply.status < 300;
    history.add({
      kind: 'operation',
      experiment,
      client: `${experiment}-search`,
      userId: customer.userId,
      operation,
      isForeign: false,
      beganAt: askedAt,
      endedAt: heardAt,
      status: reply.status,
      code: isOrder ? null : String(shown['code']),
      orderId: isOrder ? String(shown['order_id']) : null,
      // What it answered with is what was asked for, written as the API writes it.
      ...(operation === 'create' && isOrder
        ? { key: String(shown['idempotency_key']), bodyNumber: 0, request: shown, replayed: reply.status === 200 }
        : {}),
      ...(isOrder
        ? { shown: { status: String(shown['status']), version: Number(shown['version']) } }
        : { error: shown }),
    });
  }

  return {
    get orders() {
      return orders;
    },
    get events() {
      return eventIds.size;
    },
    async keep(asked, reply) {
      const { method, path, body } = asked;
      const shown = objectIn(reply.body);
      const isOrder = reply.status < 300 && typeof shown['order_id'] === 'string' && 'version' in shown;
      if (shown['received'] === true) eventIds.add(String(objectIn(body.toString('utf8'))['id']));
      if (method !== 'POST') return;
      if (!isOrder) {
        if (ASKED_FOR_A_QUOTE.has(String(shown['code']))) record('create', asked, reply, shown);
        return;
      }
      if (/\/cancel/i.test(path)) return record('cancel', asked, reply, shown);
      orders += 1;
      record('create', asked, reply, shown);
      await calls.cancel(String(shown['order_id']));
    },
    async untold() {
      const accepted = new Set(history.entries.map((entry) => (entry.kind === 'operation' ? entry.orderId : null)));
      const made = await system.db<{ orderId: string; idempotencyKey: string }[]>`
        select order_id, idempotency_key from orders where created_at >= ${system.db.typed.instant(beganAt)}`;
      const ids = [...eventIds];
      const kept = await system.db<{ eventId: string }[]>`select event_id from inbox where event_id = any(${ids})`;
      const lost = ids.filter((id) => !kept.some(({ eventId }) => eventId === id));
      // We have signed them with the provider's secret; the judge holds the inbox against what the provider has sent.
      await system.db`delete from inbox where event_id = any(${ids})`;
      return [
        ...made
          .filter(({ orderId }) => !accepted.has(orderId))
          .map(
            ({ orderId, idempotencyKey }) =>
              `order ${orderId} exists (key ${idempotencyKey}), and no answer told of it`,
          ),
        ...lost.map((id) => `webhook ${id} was acknowledged and is not kept`),
      ];
    },
  };
}

function objectIn(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
