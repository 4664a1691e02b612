// I7: why an order failed; I14: that the patient ones were taken.
import { describe } from '@jest/globals';
import type { Fact } from '../../../chaos/checker/witnesses.ts';
import { BEGAN_AT, EXPIRED } from './clean-folder.ts';
import { attemptOf, factOf, heldBy, orderOf, runOf } from './facts.ts';
import type { Folder } from './folder.ts';
import { type Case, each } from './spoiled.ts';

const REFERENCE = `${EXPIRED}:g1`;
const noCause = (reason: string) =>
  new RegExp(`^I7 expired: it failed \\(${reason}\\), and the provider knows of no cause$`);

/** The expired order has failed instead, and everybody was told so. */
function fail(folder: Folder, reason: string): void {
  Object.assign(orderOf(folder, EXPIRED), { status: 'failed', reason });
  Object.assign(folder.order_events.findLast((it) => it.orderId === EXPIRED) ?? {}, {
    event: 'failed',
    status: 'failed',
    reason,
  });
  for (const entry of folder.history)
    if (entry.kind === 'operation' && entry.orderId === EXPIRED && entry.shown?.status === 'expired')
      Object.assign(entry, { shown: { ...entry.shown, status: 'failed' } });
  const data = Buffer.from(JSON.stringify({ status: 'failed', reason })).toString('base64');
  for (const run of runOf(folder, EXPIRED).runs)
    for (const event of run.events)
      Object.assign(event, { workflowExecutionCompletedEventAttributes: { result: { payloads: [{ data }] } } });
}

const tell = (folder: Folder, fact: Partial<Fact>) =>
  folder.ledger.push({ seq: 900, at: new Date(BEGAN_AT + 20_000).toISOString(), event: 'request.answered', ...fact });
const refusing = (operation: string, code: string) => ({ operation, code, reference: REFERENCE });

/** In place of the cancel by which its attempt ended. */
function failAtProvider(folder: Folder, failureCode: string): void {
  const end = factOf(folder, 'order.cancelled', EXPIRED);
  const order = { ...heldBy(folder, 'order.succeeded'), id: end.orderId ?? '', status: 'failed', failureCode };
  Object.assign(end, { event: 'order.failed', order });
  attemptOf(folder, EXPIRED).status = 'failed';
}

describe('an order fails for a cause that the provider knows', () => {
  const cases: Case[] = [
    [
      'a dead quote is no cause',
      (folder) => {
        fail(folder, 'provider_refused');
        tell(folder, refusing('orders.create', 'QUOTE_EXPIRED'));
      },
      noCause('provider_refused'),
    ],
    [
      'nor is what another order was refused',
      (folder) => {
        fail(folder, 'provider_refused');
        tell(folder, { ...refusing('orders.create', 'AMOUNT_OUT_OF_RANGE'), reference: `${BEGAN_AT}:g1` });
      },
      noCause('provider_refused'),
    ],
    [
      'refused for good',
      (folder) => {
        fail(folder, 'provider_refused');
        tell(folder, refusing('orders.create', 'AMOUNT_OUT_OF_RANGE'));
      },
    ],
    ['a quote that was refused, and none was', (folder) => fail(folder, 'quote_refused'), noCause('quote_refused')],
    [
      'a quote that was refused',
      (folder) => {
        fail(folder, 'quote_refused');
        const at = { atMs: BEGAN_AT + 20_000, operation: 'quotes.create', pair: 'USD-EUR', status: 422 };
        folder.requests.push({ ...at, code: 'UNSUPPORTED_PAIR' });
      },
    ],
    [
      'cancelled by us, as its attempt was fenced, and by nobody else',
      (folder) => fail(folder, 'cancelled_by_provider'),
      noCause('cancelled_by_provider'),
    ],
    [
      'a failure at the provider of which the next attempt is due',
      (folder) => {
        fail(folder, 'provider_failed');
        failAtProvider(folder, 'insufficient_funds');
      },
      noCause('provider_failed'),
    ],
    [
      'a failure at the provider of which nobody knows whether it passes',
      (folder) => {
        fail(folder, 'provider_failed');
        failAtProvider(folder, 'compliance_hold');
      },
    ],
    [
      'money that moved in part, and none has',
      (folder) => {
        fail(folder, 'partial_effect');
        failAtProvider(folder, 'compliance_hold');
      },
      noCause('partial_effect'),
    ],
    [
      'a failure at the provider that there was not',
      (folder) => fail(folder, 'provider_failed'),
      noCause('provider_failed'),
    ],
    [
      'a cancel that was too late, and there was none',
      (folder) => fail(folder, 'cancel_requested'),
      noCause('cancel_requested'),
    ],
    ['a reason that no order fails for', (folder) => fail(folder, 'paused'), noCause('paused')],
  ];
  each(cases);
});

describe('a patient order is taken', () => {
  each([
    [
      'one that never was',
      (folder) => {
        folder.meta.patient = [...folder.meta.patient, 'key-9'];
      },
      /^I14 -: the patient order of key key-9 was never taken$/,
    ],
  ]);
});
