// I8 and I10: what was shown, and to whom.
import { describe } from '@jest/globals';
import { CANCELLED, EXECUTED, EXPIRED, OWNER, STRANGER } from './clean-folder.ts';
import { callOf, change, orderOf } from './facts.ts';
import { type Folder, the } from './folder.ts';
import { each } from './spoiled.ts';

describe('I8: monotone', () => {
  const eventOf = (folder: Folder, orderId: string, event: string) =>
    the(folder.order_events, (it) => it.orderId === orderId && it.event === event);
  each([
    [
      'an order takes an edge that is none',
      (folder) => {
        eventOf(folder, EXPIRED, 'attempt_created').status = 'accepted';
      },
      /^I8 expired: it went from watching to accepted$/,
    ],
    [
      'something comes after the end',
      (folder) => {
        const end = eventOf(folder, CANCELLED, 'cancelled');
        folder.order_events.push({ ...end, number: 4, event: 'orphan_closed' });
        folder.outbox.push({ topic: 'order-changes', payload: { order_id: CANCELLED, version: 4 }, publishedAt: 1 });
        orderOf(folder, CANCELLED).version = 4;
      },
      /^I8 cancelled: orphan_closed came after it was cancelled$/,
    ],
    [
      'an order does not begin accepted',
      (folder) => {
        eventOf(folder, CANCELLED, 'accepted').status = 'watching';
      },
      /^I8 cancelled: it began watching$/,
      /^I8 cancelled: create showed accepted as version 1$/,
      /^I8 cancelled: create showed accepted as version 1$/,
    ],
    [
      'what was shown is not what happened',
      (folder) => change(callOf(folder, CANCELLED, 'read'), { shown: { status: 'executing', version: 2 } }),
      /^I8 cancelled: read showed executing as version 2$/,
    ],
    [
      'a version is shown that there never was',
      (folder) => change(callOf(folder, CANCELLED, 'read', 1), { shown: { status: 'cancelled', version: 9 } }),
      /^I8 cancelled: read showed cancelled as version 9$/,
    ],
    [
      'an older version is shown after a newer one',
      (folder) => change(callOf(folder, CANCELLED, 'read', 1), { shown: { status: 'watching', version: 2 } }),
      /^I8 cancelled: client-.* was shown version 2 after 3 was shown$/,
    ],
  ]);
});

describe('I10: isolation', () => {
  const strangerAt = (folder: Folder) => {
    const call = folder.history.find((it) => it.kind === 'operation' && it.isForeign && it.orderId === EXECUTED);
    if (call?.kind !== 'operation') throw new Error('no stranger came');
    return call;
  };
  /** The order is paid from an account that belongs to `userId`, and nothing contradicts it. */
  const bindSource = (folder: Folder, userId: string) => {
    folder.account_owners.push({ accountId: 'vac_for', userId });
    the(folder.orders, (it) => it.orderId === EXECUTED).sourceAccount = 'vac_for';
    for (const fact of folder.ledger)
      if (fact.reference === `${EXECUTED}:g1` && fact.order) fact.order = { ...fact.order, source: { id: 'vac_for' } };
  };
  each([
    [
      "a stranger is shown somebody else's order",
      (folder) => change(strangerAt(folder), { status: 200, shown: { status: 'watching', version: 2 } }),
      /^I10 executed: read of another user was answered 200$/,
    ],
    [
      'a stranger is told that there is such an order',
      (folder) => change(strangerAt(folder), { operation: 'cancel', status: 409, code: 'too_late' }),
      /^I10 executed: cancel of another user was answered 409$/,
    ],
    [
      'an order moves money out of an account of another user, here and at the provider',
      (folder) => bindSource(folder, STRANGER),
      /^I10 executed: it is bound to vac_for…, which is not its user's$/,
    ],
    ['an order moves money out of another account of its user', (folder) => bindSource(folder, OWNER)],
    ['an outage tells a stranger nothing', (folder) => change(strangerAt(folder), { status: 503 })],
    [
      'an order is cancelled that its customer never cancelled',
      (folder) => {
        folder.history.splice(folder.history.indexOf(callOf(folder, CANCELLED, 'cancel')), 1);
      },
      /^I10 cancelled: it was cancelled, and its customer had not asked for it$/,
    ],
    [
      'an operator may cancel it',
      (folder) => {
        folder.history.splice(folder.history.indexOf(callOf(folder, CANCELLED, 'cancel')), 1);
        the(folder.order_events, (it) => it.orderId === CANCELLED && it.event === 'cancelled').actor = 'operator';
      },
    ],
  ]);
});
