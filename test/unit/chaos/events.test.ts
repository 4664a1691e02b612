// I11: every change is told, once.
import { describe } from '@jest/globals';
import { EXECUTED, EXPIRED } from './clean-folder.ts';
import { drop, type Folder, the } from './folder.ts';
import { each } from './spoiled.ts';

const UNKNOWN = '00000000-0000-4000-8000-000000000009';

describe('I11: events', () => {
  const messageOf = (folder: Folder, version: number) =>
    the(folder.outbox, (it) => it.payload.order_id === EXECUTED && it.payload.version === version);
  const SUCCEEDED = 'evt_order.succeeded_ord_1';
  each([
    [
      'the numbers of the events have a gap',
      (folder) => drop(folder.order_events, (it) => it.orderId === EXPIRED && it.number === 3),
      /^I11 expired: its events are numbered 1 2 4 5 6 7$/,
    ],
    [
      'the last event is not the row',
      (folder) => drop(folder.order_events, (it) => it.orderId === EXPIRED && it.number === 7),
      /^I11 expired: its events end at 6 watching, its row is at 7 expired$/,
      /^I8 expired: read showed expired as version 7$/,
    ],
    [
      'the last event has another reason than the row',
      (folder) => {
        the(folder.orders, (it) => it.orderId === EXPIRED).reason = 'rate_not_met';
      },
      /^I11 expired: its events end for null, its row says rate_not_met$/,
    ],
    [
      'a version was told to nobody',
      (folder) => folder.outbox.splice(folder.outbox.indexOf(messageOf(folder, 4)), 1),
      /^I11 executed: version 4 was told to nobody$/,
    ],
    [
      'a version was told twice',
      (folder) => folder.outbox.push(messageOf(folder, 4)),
      /^I11 executed: version 4 was told 2 times$/,
    ],
    [
      'a version was told that never was',
      (folder) => folder.outbox.push({ ...messageOf(folder, 4), payload: { order_id: EXECUTED, version: 8 } }),
      /^I11 executed: version 8 was told, and never was$/,
    ],
    [
      'the acceptance was told to nobody',
      (folder) => drop(folder.outbox, (it) => it.topic === 'order-checks' && it.payload.order_id === EXECUTED),
      /^I11 executed: its acceptance was told 0 times$/,
    ],
    [
      'a message was never published',
      (folder) => {
        messageOf(folder, 4).publishedAt = null;
      },
      /^I11 executed: a message of it for order-changes was never published$/,
    ],
    [
      'a webhook was kept and passed on to nobody',
      (folder) => drop(folder.outbox, (it) => it.payload.event_id === SUCCEEDED),
      /^I11 executed: webhook .*, order.succeeded, was passed on 0 times$/,
    ],
    [
      'a webhook was passed on twice',
      (folder) => folder.outbox.push(the(folder.outbox, (it) => it.payload.event_id === SUCCEEDED)),
      /^I11 executed: webhook .*, order.succeeded, was passed on 2 times$/,
    ],
    [
      'one of an order that nobody knows',
      (folder) => folder.inbox.push({ eventId: 'evt_stray', type: 'order.succeeded', orderId: UNKNOWN }),
      /^I15 -: a order.succeeded was believed that nobody sent$/,
      /^I11 -: webhook evt_stray, order.succeeded, was passed on 0 times$/,
    ],
    [
      'a webhook was acknowledged and is not kept',
      (folder) => {
        drop(folder.inbox, (it) => it.eventId === SUCCEEDED);
        drop(folder.outbox, (it) => it.payload.event_id === SUCCEEDED);
      },
      /^I11 -: webhook .*, order.succeeded, was acknowledged and is not kept$/,
    ],
    [
      'whatever else was done at the control desk',
      (folder) => {
        drop(folder.inbox, (it) => it.eventId === SUCCEEDED);
        drop(folder.outbox, (it) => it.payload.event_id === SUCCEEDED);
        folder.ledger.push({ seq: 999, at: '', event: 'control.used', what: 'PUT /_sim/rates', with: {} });
      },
      /^I11 -: webhook .*, order.succeeded, was acknowledged and is not kept$/,
    ],
    [
      'one that a fault swallowed is not missed',
      (folder) => {
        drop(folder.inbox, (it) => it.eventId === SUCCEEDED);
        drop(folder.outbox, (it) => it.payload.event_id === SUCCEEDED);
        delivery(folder).swallowed = true;
      },
    ],
    [
      'one that came is missed, whatever else was swallowed',
      (folder) => {
        drop(folder.inbox, (it) => it.eventId === SUCCEEDED);
        drop(folder.outbox, (it) => it.payload.event_id === SUCCEEDED);
        const rule = { match: { operation: 'webhook' }, action: { webhook: { never: true } } };
        folder.ledger.push({ seq: 999, at: '', event: 'control.used', what: 'POST /_sim/faults', with: [rule] });
        folder.ledger.push({ ...delivery(folder), deliveryId: 'wdl_other', swallowed: true });
      },
      /^I11 -: webhook .*, order.succeeded, was acknowledged and is not kept$/,
    ],
    [
      'one that was refused until the provider gave up is not missed, but must be taken',
      (folder) => {
        drop(folder.inbox, (it) => it.eventId === SUCCEEDED);
        drop(folder.outbox, (it) => it.payload.event_id === SUCCEEDED);
        delivery(folder).status = 'failed';
      },
      /^I11 -: 1 webhooks were refused until the provider gave up$/,
    ],
  ]);
});

const delivery = (folder: Folder) =>
  the(folder.ledger, (it) => it.deliveryId === 'wdl_order.succeeded_ord_1' && it.event === 'delivery.ended');

describe('I11: messages that are put aside', () => {
  const aside = (folder: Folder, orderId: string, reason: string | null) =>
    folder.dead_letters.push({ topic: 'order-changes', reason, data: JSON.stringify({ v: 1, order_id: orderId }) });
  const malform = (folder: Folder, topic: string, putAside = 5) => {
    const note = { kind: 'fault', experiment: 'F17', at: 0, what: 'malformed messages', phase: 'once' } as const;
    folder.history.push({ ...note, detail: { topic, messages: 7 } });
    for (let count = 0; count < putAside; count += 1)
      folder.dead_letters.push({ topic, reason: 'not_json', data: 'no json {' });
  };
  each([
    [
      'a message of an order',
      (folder) => aside(folder, EXECUTED, 'not_json'),
      /^I11 executed: a message of order-changes was put aside: not_json$/,
    ],
    [
      'a message that the broker gave up',
      (folder) => folder.dead_letters.push({ topic: 'order-checks', reason: null, data: '\0' }),
      /^I11 -: a message of order-checks was put aside: no reason given$/,
    ],
    [
      'one that the experiment made unreadable',
      (folder) => {
        malform(folder, 'order-changes');
        aside(folder, UNKNOWN, 'unknown_order');
      },
    ],
    [
      'too few of those',
      (folder) => malform(folder, 'order-changes', 4),
      /^I11 -: 4 malformed messages of order-changes were put aside, 5 are due$/,
    ],
    [
      'one of those without a reason',
      (folder) => {
        malform(folder, 'order-changes');
        aside(folder, UNKNOWN, null);
      },
      /^I11 -: a message of order-changes was put aside: no reason given$/,
    ],
    [
      'an order’s among those',
      (folder) => {
        malform(folder, 'order-changes');
        aside(folder, EXECUTED, 'unknown_order');
      },
      /^I11 executed: a message of order-changes was put aside: unknown_order$/,
    ],
    [
      'one of another topic',
      (folder) => {
        malform(folder, 'conduit-events');
        aside(folder, UNKNOWN, 'unknown_order');
      },
      /^I11 -: a message of order-changes was put aside: unknown_order$/,
    ],
  ]);
});
