// I11, and I15 of webhooks: every change is told once, no message is put aside, every webhook that was acknowledged is kept, and none
// that is not the provider's.
import { type Evidence, groupBy } from '../evidence.ts';
import type { InboxRow, MessageRow } from '../rows.ts';
import { broken, type Violation } from '../verdict.ts';
import type { Fact } from '../witnesses.ts';

export function judgeMessages(evidence: Evidence): Violation[] {
  return [
    ...judgeOutbox(evidence),
    ...judgeDeadLetters(evidence),
    ...judgeInbox(evidence),
    ...judgeAcknowledged(evidence),
    ...judgeRefused(evidence),
  ];
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

/** Of the malformed messages of a topic: the broker may refuse one for its size, and an order that is not there may be ignored. */
const UNREADABLE_AT_LEAST = 5;

/** What an experiment sends that nobody can read is put aside with a reason; nothing else ever is, and no order's message. */
function judgeDeadLetters({ deadLetters, history, orders }: Evidence): Violation[] {
  const malformed = new Set(
    history.flatMap((entry) =>
      entry.kind === 'fault' && entry.what === 'malformed messages' ? String(entry.detail?.['topic']) : [],
    ),
  );
  const known = new Set(orders.map(({ orderId }) => orderId));
  const missing = [...malformed].flatMap((topic) => {
    const count = deadLetters.filter((letter) => letter.topic === topic).length;
    return count >= UNREADABLE_AT_LEAST
      ? []
      : [broken('I11', null, `${count} malformed messages of ${topic} were put aside, ${UNREADABLE_AT_LEAST} are due`)];
  });
  const letters = deadLetters.flatMap(({ topic, reason, data }) => {
    const orderId = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/.exec(data)?.[0] ?? null;
    const isOurs = orderId !== null && known.has(orderId);
    if (malformed.has(topic) && reason !== null && !isOurs) return [];
    return [
      broken('I11', isOurs ? orderId : null, `a message of ${topic} was put aside: ${reason ?? 'no reason given'}`),
    ];
  });
  return [...missing, ...letters];
}

/** What follows from our own requests wakes nobody: asking about each would only spend calls. */
const BEGINNINGS = new Set(['order.created', 'transaction.created', 'transaction.processing']);

/** An event in the inbox is one that the provider sent, and its order's run is told of it once. */
function judgeInbox({ inbox, outbox, ledger }: Evidence): Violation[] {
  const wakings = groupBy(
    outbox.filter(({ topic }) => topic === 'conduit-events'),
    ({ payload }) => payload.event_id ?? null,
  );
  const emitted = new Set(ledger.map(({ message }) => message?.id));
  const madeUp = madeUpTypes(ledger);
  return inbox.flatMap((row) => [
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

/** What the provider sends is taken, at one of its tries: one that it gave up was refused each time. */
function judgeRefused({ ledger }: Evidence): Violation[] {
  const refused = ledger.filter(({ event, status }) => event === 'delivery.ended' && status !== 'succeeded').length;
  return refused > 0 ? [broken('I11', null, `${refused} webhooks were refused until the provider gave up`)] : [];
}

/** What the provider was told to forget is kept here. A delivery that a fault swallowed nobody has received. */
function judgeAcknowledged({ inbox, ledger }: Evidence): Violation[] {
  const kept = new Set(inbox.map(({ eventId }) => eventId));
  const acknowledged = new Set(
    ledger.flatMap(({ event, status, deliveryId, swallowed }) =>
      event === 'delivery.ended' && status === 'succeeded' && !swallowed ? (deliveryId ?? []) : [],
    ),
  );
  return ledger.flatMap(({ message, deliveries = [] }) =>
    message && !kept.has(message.id) && deliveries.some(({ id }) => acknowledged.has(id))
      ? [broken('I11', null, `webhook ${message.id}, ${message.type}, was acknowledged and is not kept`)]
      : [],
  );
}
