// I11, and I15 of webhooks: every change is told once, every webhook that was acknowledged is kept, and none that is not the provider's.
import { type Evidence, groupBy, type InboxRow, type MessageRow } from '../evidence.ts';
import { broken, type Violation } from '../verdict.ts';
import type { Fact } from '../witnesses.ts';

export function judgeMessages(evidence: Evidence): Violation[] {
  return [...judgeOutbox(evidence), ...judgeInbox(evidence), ...judgeAcknowledged(evidence)];
}

/** Version 1 is told by the message that starts the run, each later one by a message of its own. */
function judgeOutbox({ orders, outbox }: Evidence): Violation[] {
  const ofOrder = groupBy(outbox, ({ payload }) => payload.order_id ?? null);
  return orders.flatMap(({ orderId, version }) => {
    const its = ofOrder.get(orderId) ?? [];
    const changes = its.filter(({ topic }) => topic === 'order-changes').map(({ payload }) => payload.version ?? 0);
    const checks = its.filter(({ topic }) => topic === 'order-checks').length;
    const versions = Array.from({ length: Math.max(0, version - 1) }, (_, index) => index + 2);
    const told = (text: string) => broken('I11', orderId, text);
    return [
      ...(checks === 1 ? [] : [told(`its acceptance was told ${checks} times`)]),
      ...versions
        .map((number) => [number, changes.filter((it) => it === number).length] as const)
        .filter(([, times]) => times !== 1)
        .map(([number, times]) => told(`version ${number} was told ${times === 0 ? 'to nobody' : `${times} times`}`)),
      ...changes
        .filter((number) => !versions.includes(number))
        .map((number) => told(`version ${number} was told, and never was`)),
      ...its.filter(isUnpublished).map(({ topic }) => told(`a message of it for ${topic} was never published`)),
    ];
  });
}

const isUnpublished = ({ publishedAt }: MessageRow) => publishedAt === null;

/** What follows from our own requests wakes nobody: asking about each would only spend calls. */
const BEGINNINGS = new Set(['order.created', 'transaction.created', 'transaction.processing']);

/** An event in the inbox is one that the provider sent, and its order's run is told of it once. */
function judgeInbox({ orders, inbox, outbox, ledger }: Evidence): Violation[] {
  // A delivery may come long after its event, when the experiment that it belongs to has been judged.
  const known = new Set(orders.map(({ orderId }) => orderId));
  const ours = inbox.filter(({ orderId }) => orderId === null || known.has(orderId));
  const wakings = groupBy(
    outbox.filter(({ topic }) => topic === 'conduit-events'),
    ({ payload }) => payload.event_id ?? null,
  );
  const emitted = new Set(ledger.map(({ message }) => message?.id));
  const madeUp = madeUpTypes(ledger);
  return ours.flatMap((row) => [
    ...(isGenuine(row, emitted, madeUp)
      ? []
      : [broken('I15', row.orderId, `a ${row.type} was believed that nobody sent`)]),
    ...judgeWaking(row, wakings.get(row.eventId)?.length ?? 0),
  ]);
}

function judgeWaking({ orderId, eventId, type }: InboxRow, times: number): Violation[] {
  const due = orderId !== null && !BEGINNINGS.has(type) ? 1 : 0;
  return times === due ? [] : [broken('I11', orderId, `webhook ${eventId}, ${type}, was passed on ${times} times`)];
}

/** One that the experiment had the provider sign has an id that only its receiver knows; each accounts for one of its type. */
function isGenuine({ eventId, type }: InboxRow, emitted: ReadonlySet<string | undefined>, madeUp: string[]): boolean {
  if (emitted.has(eventId)) return true;
  const index = madeUp.indexOf(type);
  if (index >= 0) madeUp.splice(index, 1);
  return index >= 0;
}

interface DeskWebhook {
  readonly type?: string;
  readonly forge?: string;
}

function madeUpTypes(ledger: readonly Fact[]): string[] {
  return ledger.flatMap(({ event, what, with: body }) => {
    const { type, forge } = (body ?? {}) as DeskWebhook;
    return event === 'control.used' && what === 'POST /_sim/webhooks' && type !== undefined && forge === undefined
      ? type
      : [];
  });
}

/** What the provider was told to forget is kept here. A delivery that a fault swallowed looks the same to it. */
function judgeAcknowledged({ inbox, ledger }: Evidence): Violation[] {
  const areSwallowed = ledger.some(
    ({ event, with: body }) => event === 'control.used' && JSON.stringify(body ?? null).includes('"never":true'),
  );
  if (areSwallowed) return [];
  const kept = new Set(inbox.map(({ eventId }) => eventId));
  const acknowledged = new Set(
    ledger.flatMap(({ event, status, deliveryId }) =>
      event === 'delivery.ended' && status === 'succeeded' ? (deliveryId ?? []) : [],
    ),
  );
  return ledger.flatMap(({ message, deliveries = [] }) =>
    message && !kept.has(message.id) && deliveries.some(({ id }) => acknowledged.has(id))
      ? [broken('I11', null, `webhook ${message.id}, ${message.type}, was acknowledged and is not kept`)]
      : [],
  );
}
