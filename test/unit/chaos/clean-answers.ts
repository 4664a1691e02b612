// What the api answers, from the rows as they are in the end: an order that is still open shows no attempt yet.
import { BEGAN_AT, cleanFolder } from './clean-folder.ts';
import { type Folder, the } from './folder.ts';

const iso = (ms: number | null) => (ms === null ? null : new Date(ms).toISOString());
const NO_ATTEMPT = {
  conduit_order_id: null,
  conduit_transaction_id: null,
  locked_debit: null,
  locked_recipient: null,
  settled_debit: null,
  settled_recipient: null,
  all_in_rate: null,
};

/** The clean folder, in which the customers have written down all of each answer, and have also asked for the events. */
export function answeredFolder(): Folder {
  const folder = cleanFolder();
  for (const call of folder.history)
    if (call.kind === 'operation' && call.status !== null) {
      const answer = call.shown && call.orderId !== null && { answer: viewOf(folder, call.orderId, call.shown) };
      Object.assign(call, { retryAfter: null }, answer || {});
    }
  for (const { orderId, userId } of folder.orders) {
    const at = { beganAt: BEGAN_AT + 39_000, endedAt: BEGAN_AT + 39_001 };
    const asked = { kind: 'operation', experiment: 'F12', operation: 'events', isForeign: false, ...at } as const;
    const answered = { status: 200, code: null, retryAfter: null, answer: listOf(folder, orderId) };
    folder.history.push({ ...asked, ...answered, client: `client-${orderId}`, userId, orderId });
  }
  return folder;
}

function viewOf(folder: Folder, orderId: string, { status, version }: { status: string; version: number }) {
  const order = the(folder.orders, (it) => it.orderId === orderId);
  const attempt = folder.transactions.find((it) => it.orderId === orderId);
  const isEnded = status === order.status;
  return {
    order_id: orderId,
    user_id: order.userId,
    status,
    version,
    pair: order.pair,
    amount: '100.00',
    target_rate: '0.920',
    direction: order.direction,
    floor_rate: order.floorRate,
    trigger_rate: '0.9223',
    last_look_rate: null,
    idempotency_key: order.idempotencyKey,
    expires_at: iso(order.expiresAt),
    created_at: iso(order.createdAt),
    closed_at: isEnded ? iso(order.closedAt) : null,
    cancel_refused_at: isEnded ? iso(order.cancelRefusedAt) : null,
    ...(attempt && isEnded ? shownOf(attempt) : NO_ATTEMPT),
  };
}

/** One without effect shows whose order it was, and no money. */
function shownOf(attempt: Folder['transactions'][number]) {
  const { conduitOrderId, conduitTransactionId, lockedRecipient } = attempt;
  const ids = { conduit_order_id: conduitOrderId, conduit_transaction_id: conduitTransactionId };
  if (attempt.status !== 'succeeded') return { ...NO_ATTEMPT, ...ids };
  return {
    ...ids,
    locked_debit: attempt.lockedDebit,
    locked_recipient: lockedRecipient,
    settled_debit: attempt.settledDebit,
    settled_recipient: attempt.settledRecipient,
    // Of a hundred.
    all_in_rate: `0.${lockedRecipient?.replace('.', '')}00000000000000`,
  };
}

function listOf(folder: Folder, orderId: string) {
  const events = folder.order_events
    .filter((it) => it.orderId === orderId)
    .map(({ number, event, status, reason, actor, attempt, occurredAt }) => ({
      number,
      event,
      status,
      reason,
      actor,
      attempt,
      occurred_at: iso(occurredAt),
    }));
  return { order_id: orderId, events, next_after: null };
}
