// I6 to I11: what the customers were shown is what there is.
import { describe } from '@jest/globals';
import { answeredFolder } from './clean-answers.ts';
import { BEGAN_AT, CANCELLED, EXECUTED, EXPIRED, STRANGER, TOO_LATE } from './clean-folder.ts';
import { attemptOf, callOf, change, orderOf } from './facts.ts';
import { type Folder, the } from './folder.ts';
import { type Case, each } from './spoiled.ts';

/** The last read of the order says something else. */
const shows = (folder: Folder, orderId: string, fields: Readonly<Record<string, unknown>>) => {
  const call = callOf(folder, orderId, 'read', 1);
  change(call, { answer: { ...(call.answer as object), ...fields } });
};

const TERMS: readonly (readonly [name: string, value: unknown, law: string])[] = [
  ['user_id', STRANGER, 'I10'],
  ['idempotency_key', 'another', 'I6'],
  ['direction', '<=', 'I6'],
  ['pair', 'EUR-USD', 'I6'],
  ['expires_at', '2026-01-01T00:00:30.999Z', 'I6'],
  ['amount', '100.01', 'I9'],
  ['amount', 100, 'I9'],
  ['target_rate', '0.9200000001', 'I9'],
  ['floor_rate', '0.874', 'I9'],
  ['created_at', '2026-01-01T00:00:00.999Z', 'I8'],
  ['closed_at', null, 'I8'],
  ['closed_at', '2026-01-01T00:00:03.999Z', 'I8'],
  ['cancel_refused_at', '2026-01-01T00:00:03.999Z', 'I8'],
];

const MONEY: readonly Case[] = [
  [
    'amounts that are of no attempt',
    (folder) => shows(folder, EXECUTED, { settled_recipient: '92.51' }),
    /^I7 executed: read showed what is of no attempt: conduit_order_id ord_1, .*settled_recipient 92.51$/,
  ],
  [
    "another order's id at the provider",
    (folder) => shows(folder, EXPIRED, { conduit_order_id: 'ord_1' }),
    /^I7 expired: read showed what is of no attempt: conduit_order_id ord_1$/,
  ],
  [
    "another order's transaction",
    (folder) => shows(folder, EXECUTED, { conduit_transaction_id: 'txn_9' }),
    /^I7 executed: read showed what is of no attempt: conduit_order_id ord_1, conduit_transaction_id txn_9, .*$/,
  ],
  [
    'a rate that does not follow from the amounts',
    (folder) => shows(folder, EXECUTED, { all_in_rate: '0.925000000000000001' }),
    /^I9 executed: read showed all_in_rate 0.925000000000000001, which follows from no amounts$/,
  ],
  [
    'the rate of its quote, before anything was locked',
    (folder) => {
      attemptOf(folder).quotedRecipient = '92.60';
      shows(folder, EXECUTED, { all_in_rate: '0.926000000000000000' });
    },
  ],
  [
    'a float',
    (folder) => shows(folder, EXECUTED, { trigger_rate: 0.9223 }),
    /^I9 executed: read showed trigger_rate 0.9223, no decimal$/,
  ],
  [
    'an exponent',
    (folder) => shows(folder, EXECUTED, { last_look_rate: '9e-1' }),
    /^I9 executed: read showed last_look_rate "9e-1", no decimal$/,
  ],
  [
    'executed, and nothing of what was moved',
    (folder) => shows(folder, EXECUTED, { settled_debit: null, settled_recipient: null }),
    /^I7 executed: read showed executed, and not what was moved$/,
  ],
];

describe('what a view shows', () => {
  each(
    [
      ...TERMS.map(
        ([name, value, law]): Case => [
          `${name} is ${JSON.stringify(value)}`,
          (folder) => shows(folder, EXECUTED, { [name]: value }),
          new RegExp(`^${law} executed: read showed ${name} ${JSON.stringify(value)}$`),
        ],
      ),
      ['a refused cancel that was not refused yet', (folder) => shows(folder, TOO_LATE, { cancel_refused_at: null })],
      ...MONEY,
      [
        'nothing that could be read',
        (folder) => change(callOf(folder, EXECUTED, 'read', 1), { answer: '<html>ok</html>' }),
        /^I8 executed: read was answered 200 without an order$/,
      ],
      [
        'nothing of what was placed',
        (folder) => change(callOf(folder, EXECUTED, 'create', 1), { answer: {} }),
        /^I6 executed: create was answered 200 without an order$/,
      ],
      [
        "another of the customer's orders",
        (folder) => {
          const other = callOf(folder, EXECUTED, 'read', 1);
          const { shown, answer } = callOf(folder, TOO_LATE, 'read', 1);
          change(other, { answer, ...(shown ? { shown: { ...shown, version: 7 } } : {}) });
        },
        new RegExp(`^I8 executed: read of it was answered with ${TOO_LATE}$`),
      ],
      [
        "somebody else's order",
        (folder) => {
          orderOf(folder, EXPIRED).userId = STRANGER;
          for (const call of folder.history)
            if (call.kind === 'operation' && call.orderId === EXPIRED) change(call, { userId: STRANGER });
          the(folder.idempotency_keys, (it) => it.orderId === EXPIRED).userId = STRANGER;
          const { answer } = callOf(folder, EXPIRED, 'read', 1);
          for (const call of folder.history)
            if (call.kind === 'operation' && call.orderId === EXPIRED) change(call, { status: null });
          change(callOf(folder, EXECUTED, 'read', 1), { answer });
        },
        /^I10 expired: its user is not the one that it was placed with$/,
        new RegExp(`^I10 executed: read of it was answered with ${EXPIRED}$`),
        /^I10 expired: it is bound to vac_from…, which is not its user's$/,
        /^I10 expired: it is bound to vac_to…, which is not its user's$/,
      ],
    ],
    answeredFolder,
  );
});

describe('what a list of events shows', () => {
  const listed = (folder: Folder, orderId: string, spoil: (events: Record<string, unknown>[]) => unknown) => {
    const call = callOf(folder, orderId, 'events');
    const { events } = call.answer as { events: Record<string, unknown>[] };
    spoil(events);
  };
  each(
    [
      ...(
        [
          ['event', 'looked'],
          ['status', 'accepted'],
          ['reason', 'paused'],
          ['actor', 'operator'],
          ['attempt', 2],
          ['occurred_at', '2026-01-01T00:00:00.000Z'],
        ] as const
      ).map(
        ([name, value]): Case => [
          `another ${name}`,
          (folder) => listed(folder, CANCELLED, ([, second]) => Object.assign(second ?? {}, { [name]: value })),
          /^I11 cancelled: events listed 2 .* in place of 2 watching$/,
        ],
      ),
      [
        'one that is left out',
        (folder) => listed(folder, CANCELLED, (events) => events.splice(1, 1)),
        /^I11 cancelled: events listed 3 cancelled in place of 2 watching$/,
      ],
      [
        'one that never was',
        (folder) =>
          listed(folder, CANCELLED, (events) => events.push({ ...events[2], number: 4, event: 'orphan_closed' })),
        /^I8 cancelled: events showed cancelled as version 4$/,
        /^I11 cancelled: events listed 4 orphan_closed in place of 4 undefined$/,
      ],
      [
        'none',
        (folder) => listed(folder, CANCELLED, (events) => events.splice(0)),
        /^I11 cancelled: events was answered 200 without any$/,
      ],
      [
        "another order's",
        (folder) => {
          change(callOf(folder, CANCELLED, 'events'), { answer: callOf(folder, EXECUTED, 'events').answer });
        },
        /^I8 cancelled: events showed executed as version 7$/,
        new RegExp(`^I8 cancelled: events of it was answered with those of ${EXECUTED}$`),
      ],
      [
        'fewer than were shown before',
        (folder) => listed(folder, CANCELLED, (events) => events.splice(2)),
        /^I8 cancelled: client-.* was shown version 2 after 3 was shown$/,
      ],
      [
        'the beginning of a long story',
        (folder) => {
          listed(folder, CANCELLED, (events) => events.splice(2));
          Object.assign(callOf(folder, CANCELLED, 'events').answer as object, { next_after: 2 });
        },
      ],
      [
        'as many as there were then',
        (folder) => {
          listed(folder, CANCELLED, (events) => events.splice(2));
          const at = BEGAN_AT + 2_100;
          change(callOf(folder, CANCELLED, 'events'), { beganAt: at, endedAt: at + 1 });
        },
      ],
    ],
    answeredFolder,
  );
});
