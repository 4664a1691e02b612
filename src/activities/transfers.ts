import { createOrderBody } from '../clients/conduit/body.ts';
import { startOfPermit } from '../clients/conduit/permit-clock.ts';
import type { SendResult } from '../clients/conduit/sends.ts';
import type { RedisHints } from '../clients/redis-hints.ts';
import { type AttemptRow, findAttempt, setNextLookup } from '../db/attempts.ts';
import { findOrder, type OrderRow } from '../db/orders.ts';
import { type MoneyOperation, takePermit } from '../db/permits.ts';
import { closeGate, pairBook } from '../db/rate-watch.ts';
import { storeSendReply } from '../db/send-replies.ts';
import { insertSend, sendsOfAttempt } from '../db/sends.ts';
import { parsePair } from '../domain/assets.ts';
import { attemptReference, sendKey } from '../domain/ids.ts';
import type { Seen } from '../domain/order.ts';
import { readLock } from '../domain/provider-order.ts';
import type { SendOperation } from '../domain/replies.ts';
import type { Activities, ErrandResult } from './interface.ts';
import { lockTermsOf, type ProviderDeps, said, setPause } from './provider.ts';

export interface TransferDeps extends ProviderDeps {
  readonly hints: RedisHints;
  readonly baseUrl: string;
  readonly organisation: string;
  readonly cacheOrder: (orderId: string) => Promise<void>;
}

interface Sent {
  readonly order: OrderRow;
  readonly attempt: AttemptRow;
  readonly operation: SendOperation;
  readonly sendId: string;
  readonly key: string;
}

/** Without a `Retry-After` nobody knows how long: long enough to matter, short enough to lose nothing. */
const DEFAULT_RETRY_AFTER_MS = 5_000;

/** A reply that cannot be stored at once is tried this often: without it the send stays unresolved and is looked up. */
const STORE_TRIES = 4;
const STORE_PAUSE_MS = 500;

/** The three requests that have an effect. A permit and its send are one activity: nothing else may stand between them. */
export function createTransfers(deps: TransferDeps): Pick<Activities, 'sendCreate' | 'sendExecute' | 'sendCancel'> {
  const { db, conduit, timing, bell } = deps;

  async function sendUnderPermit(
    orderId: string,
    seen: Seen,
    operation: MoneyOperation,
    keyNumber: number,
  ): Promise<ErrandResult> {
    if (!(await isOurs(orderId, seen.attempt))) return said('refused');
    // The permit's age counts from before its transaction: a commit that hangs makes it old, not young.
    const permitStartedAt = startOfPermit();
    const permit = await takePermit(db, { orderId, seen, operation, keyNumber, makeBody }, timing);
    if (!permit) return said('refused');
    const { order, attempt, sendId, key, body } = permit;
    bell.log.info(
      { event: 'send_permitted', order_id: orderId, attempt: attempt.attempt, operation, key_number: keyNumber },
      `${operation} permitted`,
    );
    const result =
      operation === 'create'
        ? await conduit.createOrder({ key, body, permitStartedAt, reference: attempt.reference })
        : await conduit.executeOrder({ conduitOrderId: attempt.conduitOrderId ?? '', key, permitStartedAt });
    return keepSendReply(deps, { order, attempt, operation, sendId, key }, result);
  }

  /** A cancel moves no money and may be sent twice, so it needs no permit; it is written down like the others. */
  async function sendCancel(orderId: string, seen: Seen, keyNumber: number): Promise<ErrandResult> {
    const order = await findOrder(db, orderId);
    const attempt = seen.attempt === null ? null : await findAttempt(db, orderId, seen.attempt);
    if (!order || !attempt?.conduitOrderId) return said('refused');
    if ((await pairBook(db, order.pair)).gateClosedUntil !== null) return said('gate_closed');
    return cancelAtProvider(deps, order, attempt, keyNumber);
  }

  /** A send belongs to the base URL and organisation that its attempt was made for: elsewhere "absent" would prove nothing. */
  async function isOurs(orderId: string, number: number | null): Promise<boolean> {
    const attempt = number === null ? null : await findAttempt(db, orderId, number);
    if (!attempt) return false;
    if (attempt.baseUrl === deps.baseUrl && attempt.organisation === deps.organisation) return true;
    await setPause(deps, 'all', 'other_organisation', { isHealing: false });
    bell.page('two_orders_under_reference', { order_id: orderId, attempt: number, code: 'other_organisation' });
    return false;
  }

  return {
    sendCreate: (orderId, seen) => sendUnderPermit(orderId, seen, 'create', 1),
    sendExecute: (orderId, seen, keyNumber) => sendUnderPermit(orderId, seen, 'execute', keyNumber),
    sendCancel,
  };

  function makeBody(order: OrderRow, attempt: AttemptRow): string {
    // An execute has no body of its own; the empty text is stored so that one key always means the same bytes.
    if (attempt.conduitOrderId !== null) return '';
    const { from, to } = parsePair(order.pair);
    return createOrderBody({
      quoteOptionId: attempt.quoteOptionId,
      reference: attempt.reference,
      source: { accountId: order.sourceAccount, asset: from },
      destination: { accountId: order.destinationAccount, asset: to },
    });
  }
}

/** Sends one cancel for an attempt's order at the provider and stores its reply. */
export async function cancelAtProvider(
  deps: TransferDeps,
  order: OrderRow,
  attempt: AttemptRow,
  keyNumber: number,
): Promise<ErrandResult> {
  const { db, timing } = deps;
  if (!attempt.conduitOrderId) return said('refused');
  const key = sendKey(attemptReference(order.id, attempt.attempt), 'cancel', keyNumber);
  const before = await sendsOfAttempt(db, order.id, attempt.attempt);
  const { sendId } = await insertSend(db, {
    orderId: order.id,
    attempt: attempt.attempt,
    operation: 'cancel',
    keyNumber,
    key,
    body: '',
  });
  // What a repeated one came to is seen when the look-ups come to it: see `lookupsFrom`.
  const isFirst = !before.some(({ operation }) => operation === 'cancel');
  if (isFirst) await setNextLookup(db, order.id, attempt.attempt, 2 * timing.secondMs);
  const result = await deps.conduit.cancelOrder({ conduitOrderId: attempt.conduitOrderId, key });
  return keepSendReply(deps, { order, attempt, operation: 'cancel', sendId, key }, result);
}

async function keepSendReply(deps: TransferDeps, sent: Sent, result: SendResult): Promise<ErrandResult> {
  const { db, bell, hints } = deps;
  const { order, attempt, operation } = sent;
  const { order: providerOrder, serverDate: _date, ...reply } = result;
  // Also a gateway's: it proves nothing of this send, and asks us all to wait none the less.
  if (reply.httpStatus === 429) await closeGate(db, reply.retryAfterMs ?? DEFAULT_RETRY_AFTER_MS).catch(() => {});
  const reading = providerOrder && {
    order: providerOrder,
    lock: readLock(providerOrder, lockTermsOf(order, attempt, deps.sanity)),
    linked: null,
    raw: reply.raw,
  };
  const fields = {
    order_id: order.id,
    attempt: attempt.attempt,
    operation,
    outcome: reply.outcome,
    code: reply.code,
    correlation_id: reply.correlationId,
  };
  bell.log.info({ event: 'send_replied', ...fields }, `${operation}: ${reply.outcome}`);
  const stored = await tryToStore(deps, () =>
    storeSendReply(db, { orderId: order.id, attempt: attempt.attempt, sendId: sent.sendId, operation, reply, reading }),
  );
  if (stored === 'second_order') bell.page('two_orders_under_reference', fields);
  if (stored === 'auto_execute') bell.page('auto_execute_ignored', fields);
  if (stored === 'late' && operation === 'execute') bell.page('late_execute_reply', fields);
  if (reply.outcome === 'accepted') await hints.keepReply(sent.key, JSON.stringify(reply.raw));
  await deps.cacheOrder(order.id);
  return said(stored === null ? 'not_stored' : reply.outcome, reply.code);
}

async function tryToStore<T>({ wait, bell }: TransferDeps, store: () => Promise<T>): Promise<T | null> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await store();
    } catch (err) {
      bell.log.warn({ event: 'dependency_unavailable', err, try: attempt }, 'a reply could not be stored yet');
      if (attempt >= STORE_TRIES) return null;
      await wait(STORE_PAUSE_MS);
    }
  }
}
