// I6: one key, one order.
import { describe } from '@jest/globals';
import { BEGAN_AT, CANCELLED, EXECUTED, EXPIRED, OWNER, STRANGER } from './clean-folder.ts';
import { callOf, change, orderOf } from './facts.ts';
import { drop, type Folder, the } from './folder.ts';
import { type Case, each } from './spoiled.ts';

const NOBODYS = '00000000-0000-4000-8000-000000000009';

/** A second order, with all that belongs to one, under the key of the cancelled. */
function addTwin(folder: Folder): Folder['orders'][number] {
  const twin = { ...orderOf(folder, CANCELLED), orderId: NOBODYS };
  folder.orders.push(twin);
  for (const event of folder.order_events.filter((it) => it.orderId === CANCELLED))
    folder.order_events.push({ ...event, orderId: NOBODYS });
  for (const message of folder.outbox.filter((it) => it.payload.order_id === CANCELLED))
    folder.outbox.push({ ...message, payload: { ...message.payload, order_id: NOBODYS } });
  folder.runs.push({ ...the(folder.runs, (it) => it.orderId === CANCELLED), orderId: NOBODYS });
  return twin;
}

describe('I6: a key that has its order is answered with it', () => {
  const key = `${OWNER} key-${EXPIRED}`;
  const REFUSED = { status: 422, code: 'expiry_out_of_range', orderId: null, replayed: false } as const;
  /** The second of its creates, which began 40 ms after the first was answered, and 20 ms after its message had left. */
  const repeated = (folder: Folder, fields: Parameters<typeof change>[1]) => {
    const call = callOf(folder, EXPIRED, 'create', 1);
    delete (call as { shown?: unknown }).shown;
    // So that the refusal itself is right: what it comes after is asked here.
    folder.meta.minExpiryMs = 60_000;
    change(call, { ...REFUSED, ...fields });
  };
  const untold = (folder: Folder) =>
    change(callOf(folder, EXPIRED, 'create'), { status: null, orderId: null, endedAt: PLACED_AT + 10 });
  const checkOf = (folder: Folder) =>
    the(folder.outbox, (it) => it.topic === 'order-checks' && it.payload.order_id === EXPIRED);
  const PLACED_AT = BEGAN_AT + 2_500;
  each([
    [
      'a repeat is refused after its order was accepted',
      (folder) => repeated(folder, {}),
      new RegExp(`^I6 expired: 40 ms after its order was there key ${key} was answered 422 expiry_out_of_range$`),
    ],
    [
      'or found nobody',
      (folder) => repeated(folder, { status: 404, code: 'order_not_found' }),
      /^I6 expired: 40 ms after its order was there key .* was answered 404 order_not_found$/,
      /^I6 -: a good order was answered 404 order_not_found$/,
    ],
    ['a repeat that was lost', (folder) => repeated(folder, { status: null, code: 'ECONNRESET' })],
    ['a repeat that is told to come again', (folder) => repeated(folder, { status: 429, code: null })],
    ['or that did not come whole in time', (folder) => repeated(folder, { status: 408, code: 'request_timeout' })],
    [
      'a refusal that was being made when the order was accepted knew nothing of it',
      (folder) => repeated(folder, { beganAt: PLACED_AT + 30 }),
    ],
    [
      'an order that nobody was told of, and whose message has left, is there for a repeat',
      (folder) => {
        untold(folder);
        repeated(folder, {});
      },
      /^I6 expired: 20 ms after its order was there key .* was answered 422 expiry_out_of_range$/,
    ],
    [
      'before its message has left, or anything has become of it, its transaction may be open',
      (folder) => {
        untold(folder);
        checkOf(folder).publishedAt = PLACED_AT + 400;
        repeated(folder, {});
      },
    ],
    [
      'a refusal first, and an acceptance of the same key later',
      (folder) => repeated(folder, { beganAt: PLACED_AT - 500, endedAt: PLACED_AT - 400 }),
    ],
    [
      'in another’s name nobody is answered with it',
      (folder) => {
        const { request } = callOf(folder, EXPIRED, 'create', 1);
        repeated(folder, { status: 403, code: 'user_mismatch', request: { ...request, user_id: STRANGER } });
      },
    ],
  ]);
});

const key = (orderId: string) => `${OWNER} key-${orderId}`;

const ONE_ORDER: readonly Case[] = [
  [
    'one key gave two orders',
    (folder) => {
      change(callOf(folder, CANCELLED, 'create', 1), {
        orderId: EXECUTED,
        shown: { status: 'watching', version: 2 },
      });
    },
    new RegExp(`^I6 cancelled: key ${key(CANCELLED)} gave 2 orders: ${CANCELLED}, ${EXECUTED}$`),
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
    /^I6 -: create was answered 200 without an order$/,
  ],
  [
    'an outage is no answer to another body',
    (folder) => change(callOf(folder, CANCELLED, 'create', 2), { status: 503 }),
  ],
  [
    'the row is for another amount than was asked for',
    (folder) => {
      orderOf(folder, CANCELLED).amount = '100.01';
    },
    /^I9 cancelled: its amount is not the one that it was placed with$/,
  ],
  [
    'nor if nobody was told of it',
    (folder) => {
      orderOf(folder, CANCELLED).amount = '100.01';
      for (const n of [0, 1]) change(callOf(folder, CANCELLED, 'create', n), { status: null, orderId: null });
    },
    /^I9 cancelled: its amount is not the one that it was placed with$/,
  ],
  [
    'the row is of other assets',
    (folder) => {
      orderOf(folder, CANCELLED).pair = 'EUR-USD';
    },
    /^I6 cancelled: its pair is not the one that it was placed with$/,
  ],
  [
    'a key is taken, and its order is not there',
    (folder) => folder.idempotency_keys.push({ userId: OWNER, key: 'burnt', orderId: NOBODYS }),
    /^I6 -: key burnt is taken, and its order is not there$/,
  ],
  [
    'a second order was made for a repeat, and its customer was told of that alone',
    (folder) => {
      change(callOf(folder, CANCELLED, 'create'), { status: null, orderId: null });
      addTwin(folder);
    },
    new RegExp(`^I6 cancelled: key ${key(CANCELLED)} has 2 orders$`),
    /^I6 -: its key key-.* is not kept as its own$/,
    /^I10 -: it was cancelled, and its customer had not asked for it$/,
  ],
  [
    'an order that nobody has asked for',
    (folder) => {
      addTwin(folder).idempotencyKey = 'unheard of';
      folder.idempotency_keys.push({ userId: OWNER, key: 'unheard of', orderId: NOBODYS });
    },
    /^I6 -: nobody has asked for it$/,
    /^I10 -: it was cancelled, and its customer had not asked for it$/,
  ],
  [
    'an order came without its first event and its message',
    (folder) => {
      drop(folder.order_events, (it) => it.orderId === CANCELLED && it.number === 1);
      drop(folder.outbox, (it) => it.topic === 'order-checks' && it.payload.order_id === CANCELLED);
    },
    /^I11 cancelled: its events are numbered 2 3$/,
    /^I8 cancelled: it began watching$/,
    /^I8 cancelled: create showed accepted as version 1$/,
    /^I8 cancelled: create showed accepted as version 1$/,
    /^I11 cancelled: its acceptance was told 0 times$/,
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
    /^I10 expired: it is bound to vac_from…, which is not its user's$/,
    /^I10 expired: it is bound to vac_to…, which is not its user's$/,
  ],
];

describe('I6: one key, one order', () => each(ONE_ORDER));
