// I7: what the rows and the provider say of each other.
import { describe } from '@jest/globals';
import { EXECUTED, EXPIRED } from './clean-folder.ts';
import { attemptOf, callOf, change, factOf, orderOf } from './facts.ts';
import { drop, type Folder, the } from './folder.ts';
import { type Case, each } from './spoiled.ts';

const UNKNOWN = '00000000-0000-4000-8000-000000000009';

/** The expired order's own at the provider fails after one of its transactions was completed. */
function failInPart(folder: Folder): void {
  const end = factOf(folder, 'order.cancelled', EXPIRED);
  if (!end.order) throw new Error('no order');
  Object.assign(end, { event: 'order.failed', order: { ...end.order, status: 'failed' } });
  folder.ledger.splice(folder.ledger.indexOf(end), 0, {
    seq: 999,
    at: end.at,
    event: 'transaction.completed',
    orderId: 'ord_4',
    reference: `${EXPIRED}:g1`,
  });
}

/** A story that is whole but for its name at the provider, told once more under another. */
function retellAs(folder: Folder, reference: string | undefined): void {
  const facts = folder.ledger.filter((it) => it.reference === `${EXECUTED}:g1`);
  for (const { reference: _, ...fact } of facts) {
    const order = fact.order && { ...fact.order, id: 'ord_stray' };
    folder.ledger.push({
      ...fact,
      seq: folder.ledger.length + 1,
      orderId: 'ord_stray',
      ...(order ? { order } : {}),
      ...(reference === undefined ? {} : { reference }),
    });
  }
}

const WITH_THE_PROVIDER: readonly Case[] = [
  ...([`stray-${EXECUTED}:g1`, `${EXECUTED}:1`, undefined] as const).map(
    (reference): Case => [
      `money is moved under ${reference ?? 'no name at all'}`,
      (folder) => retellAs(folder, reference),
      ...['request.received', 'order.created', 'order.claimed', 'order.succeeded'].map(
        (event) => new RegExp(`^I1 -: ${event} under ${reference ?? 'no reference'}: that is no attempt$`),
      ),
    ],
  ),
  [
    'the provider knows an order of ours that has no row',
    (folder) => {
      const { operation, requestId, at } = factOf(folder, 'request.answered');
      const fact = { seq: 999, at, operation: operation ?? '', requestId: requestId ?? '' };
      folder.ledger.push({ ...fact, event: 'request.answered', outcome: 'refused', reference: `${UNKNOWN}:g1` });
    },
    /^I7 -: the provider knows an order of ours that has no row$/,
  ],
  [
    'an order at the provider is of an attempt that has no row',
    (folder) => {
      const { order, at } = factOf(folder, 'order.created');
      if (!order) throw new Error('no order');
      const cancelled = { ...order, id: 'ord_8', status: 'cancelled' };
      folder.ledger.push({
        seq: 999,
        at,
        event: 'order.created',
        orderId: 'ord_8',
        reference: `${EXECUTED}:g2`,
        order: cancelled,
      });
    },
    /^I7 executed: ord_8 is of an attempt that has no row$/,
  ],
  [
    'an attempt never learnt which order it is',
    (folder) => {
      attemptOf(folder, EXPIRED).conduitOrderId = null;
    },
    /^I7 expired: attempt 1 holds null, the provider ord_4$/,
  ],
  [
    'an attempt is of an order that the provider never made',
    (folder) => {
      attemptOf(folder, EXPIRED).conduitOrderId = 'ord_8';
    },
    /^I7 expired: attempt 1 holds ord_8, the provider ord_4$/,
    /^I7 expired: attempt 1 is of ord_8, which the provider never made$/,
  ],
  [
    "an attempt holds another one's order",
    (folder) => {
      attemptOf(folder, EXPIRED).conduitOrderId = 'ord_1';
    },
    /^I7 expired: attempt 1 holds ord_1, the provider ord_4$/,
    /^I7 expired: attempt 1 holds ord_1, which is of .*1:g1$/,
  ],
  [
    'an attempt succeeded without an order',
    (folder) => {
      const attempt = attemptOf(folder, EXPIRED);
      folder.ledger.splice(
        0,
        folder.ledger.length,
        ...folder.ledger.filter((it) => it.reference !== attempt.reference || !it.order),
      );
      Object.assign(attempt, { conduitOrderId: null, status: 'succeeded' });
    },
    /^I7 expired: attempt 1 succeeded without an order at the provider$/,
  ],
  [
    'an attempt succeeded here, and was cancelled there',
    (folder) => {
      attemptOf(folder, EXPIRED).status = 'succeeded';
    },
    /^I7 expired: attempt 1 succeeded, and ord_4 is cancelled$/,
  ],
  [
    'an attempt succeeded there, and is cancelled here',
    (folder) => {
      attemptOf(folder).status = 'cancelled';
    },
    /^I1 executed: attempt 1 was closed as cancelled on the word of a provider that had not said so$/,
    /^I7 executed: ord_1 succeeded, and attempt 1 is cancelled$/,
  ],
  [
    'a part went through, and the order expired',
    (folder) => failInPart(folder),
    /^I7 expired: a part of ord_4 went through, and it is expired$/,
  ],
  [
    'a part went through, and the order failed',
    (folder) => {
      failInPart(folder);
      const failed = { status: 'failed', reason: 'partial_effect' };
      Object.assign(orderOf(folder, EXPIRED), failed);
      Object.assign(
        the(folder.order_events, (it) => it.orderId === EXPIRED && it.event === 'expired'),
        failed,
      );
      const call = callOf(folder, EXPIRED, 'read', 1);
      change(call, { shown: { status: 'failed', version: 7 } });
      drop(folder.runs, (it) => it.orderId === EXPIRED);
      const detail = { orderId: EXPIRED, isRunGone: true };
      folder.history.push({ kind: 'fault', experiment: 'F18', at: 0, what: 'message', phase: 'once', detail });
    },
  ],
  [
    'an order is still open at the provider',
    (folder) => drop(folder.ledger, (it) => it.event === 'order.cancelled'),
    /^I7 expired: at rest ord_4 is still open at the provider$/,
  ],
  [
    'other amounts were locked and settled than stand in the row',
    (folder) => {
      Object.assign(attemptOf(folder), {
        lockedDebit: '99',
        lockedRecipient: '92.6',
        settledDebit: null,
        settledRecipient: '1',
      });
    },
    /^I7 executed: locked debit is 99 here and 100.000000 at the provider$/,
    /^I7 executed: locked amount is 92.6 here and 92.50 at the provider$/,
    /^I7 executed: settled debit is null here and 100.000000 at the provider$/,
    /^I7 executed: settled amount is 1 here and 92.50 at the provider$/,
  ],
  [
    'an attempt of an ended order is still live',
    (folder) => {
      Object.assign(attemptOf(folder, EXPIRED), { closedAt: null });
    },
    /^I7 expired: it has ended, and attempt 1 is still live$/,
  ],
  [
    'an orphan is still followed',
    (folder) => {
      attemptOf(folder, EXPIRED).orphanClosedAt = null;
    },
    /^I7 expired: the orphan of attempt 1 is still open$/,
  ],
  [
    'a request came under a key that nobody wrote down',
    (folder) => {
      the(folder.ledger, (it) => it.event === 'request.received' && it.operation === 'orders.cancel').key = 'random';
    },
    /^I7 expired: orders.cancel came under a key that nobody wrote down: random$/,
  ],
  [
    'a send is said to have had no effect, and it had',
    (folder) => {
      the(folder.conduit_sends, (it) => it.orderId === EXECUTED && it.operation === 'execute').outcome = 'no_effect';
    },
    /^I7 executed: every send under .*:execute:1 is said to have had no effect, and one did$/,
  ],
  [
    'a send is said to be accepted, and it was not',
    (folder) => {
      the(folder.ledger, (it) => it.event === 'request.answered' && it.key === `${EXECUTED}:g1:create`).outcome =
        'refused';
    },
    /^I7 executed: a send under .*:create is said to be accepted, and the provider did nothing$/,
  ],
  [
    'of two orders under one reference nothing is concluded, as long as both have ended',
    (folder) => {
      const { order, at } = factOf(folder, 'order.created');
      if (!order) throw new Error('no order');
      const twin = { ...order, id: 'ord_8', status: 'cancelled' };
      folder.ledger.push({
        seq: 999,
        at,
        event: 'order.twinned',
        orderId: 'ord_8',
        twinOf: 'ord_1',
        reference: `${EXECUTED}:g1`,
        order: twin,
      });
    },
  ],
];

describe('I7: our rows and the provider agree', () => each(WITH_THE_PROVIDER));
