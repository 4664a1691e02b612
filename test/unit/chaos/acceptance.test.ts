// I6: one key, one order.
import { describe } from '@jest/globals';
import { BEGAN_AT, CANCELLED, EXECUTED, EXPIRED, OWNER, STRANGER } from './clean-folder.ts';
import { callOf, change, orderOf } from './facts.ts';
import { drop, the } from './folder.ts';
import { each } from './spoiled.ts';

describe('I6: one key, one order', () => {
  const key = (orderId: string) => `${OWNER} key-${orderId}`;
  each([
    [
      'one key gave two orders',
      (folder) => {
        change(callOf(folder, CANCELLED, 'create', 1), {
          orderId: EXECUTED,
          shown: { status: 'watching', version: 2 },
        });
      },
      new RegExp(`^I6 cancelled: key ${key(CANCELLED)} gave 2 orders: ${CANCELLED}, ${EXECUTED}$`),
      /^I6 executed: its expiry is not the one that it was placed with$/,
    ],
    [
      'one key was answered 201 twice',
      (folder) => change(callOf(folder, CANCELLED, 'create', 1), { status: 201 }),
      new RegExp(`^I6 cancelled: key ${key(CANCELLED)} was answered 201 2 times$`),
    ],
    [
      'two rows have one key',
      (folder) => {
        orderOf(folder, EXPIRED).idempotencyKey = `key-${CANCELLED}`;
      },
      new RegExp(`^I6 cancelled: key ${key(CANCELLED)} has 2 orders$`),
      /^I6 expired: its key key-.* is not kept as its own$/,
    ],
    [
      "an order's key is not kept",
      (folder) => drop(folder.idempotency_keys, (it) => it.orderId === CANCELLED),
      /^I6 cancelled: its key key-.* is not kept as its own$/,
    ],
    [
      'another body under a key is accepted',
      (folder) => change(callOf(folder, CANCELLED, 'create', 2), { status: 200 }),
      new RegExp(`^I6 -: another body under key ${key(CANCELLED)} was answered 200$`),
    ],
    [
      'an outage is no answer to another body',
      (folder) => change(callOf(folder, CANCELLED, 'create', 2), { status: 500 }),
    ],
    [
      'the row is for another amount than was asked for',
      (folder) => {
        orderOf(folder, CANCELLED).amount = '100.01';
      },
      /^I9 cancelled: its amount is not the one that it was placed with$/,
      /^I9 cancelled: its amount is not the one that it was placed with$/,
    ],
    [
      'the row has another direction, or another end',
      (folder) => {
        Object.assign(orderOf(folder, CANCELLED), { direction: '<=', expiresAt: BEGAN_AT + 99_000 });
        change(callOf(folder, CANCELLED, 'create', 1), { status: 503 });
      },
      /^I6 cancelled: its direction is not the one that it was placed with$/,
      /^I6 cancelled: its expiry is not the one that it was placed with$/,
    ],
    [
      'the body named another user',
      (folder) => {
        const call = callOf(folder, CANCELLED, 'create');
        change(call, { request: { ...call.request, user_id: STRANGER } });
      },
      /^I10 cancelled: its user is not the one that it was placed with$/,
    ],
    [
      "the row is another user's",
      (folder) => {
        orderOf(folder, EXPIRED).userId = STRANGER;
        the(folder.idempotency_keys, (it) => it.orderId === EXPIRED).userId = STRANGER;
        for (const call of folder.history)
          if (call.kind === 'operation' && call.orderId === EXPIRED && call.operation === 'read')
            change(call, { status: null });
        change(callOf(folder, EXPIRED, 'create', 1), { status: 503 });
      },
      /^I10 expired: its user is not the one that it was placed with$/,
      /^I10 expired: create of another user was answered 201$/,
    ],
  ]);
});
