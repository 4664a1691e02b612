// I2 and I5: no order is lost, and a cancel is what it was answered to be.
import { describe } from '@jest/globals';
import { BEGAN_AT, CANCELLED, EXECUTED, EXPIRED, TOO_LATE } from './clean-folder.ts';
import { callOf, change, factOf, heldBy, orderOf } from './facts.ts';
import { type Folder, the } from './folder.ts';
import { type Case, each } from './spoiled.ts';

const NO_ROW = /^I7 cancelled: ord_9 is of an attempt that has no row$/;
const EXECUTED_ANYWAY = /^I5 cancelled: it is cancelled, and it was executed$/;
const HEALED_AT = BEGAN_AT + 40_000;

describe('I2: none lost', () => {
  each([
    [
      'an order that was accepted is not there',
      (folder) => {
        change(callOf(folder, CANCELLED, 'create'), { orderId: '00000000-0000-4000-8000-000000000009' });
        change(callOf(folder, CANCELLED, 'create', 1), { status: 503 });
      },
      /^I2 -: it was accepted and is not there$/,
    ],
    [
      'an order never came to rest',
      (folder) => {
        Object.assign(orderOf(folder, CANCELLED), { status: 'watching', closedAt: null });
      },
      /^I2 cancelled: it never came to rest: watching$/,
      /^I5 cancelled: its cancel was confirmed, and it is watching$/,
      /^I7 cancelled: it is watching, and run .* ended with cancelled$/,
      /^I11 cancelled: its events end at 3 cancelled, its row is at 3 watching$/,
    ],
    [
      'one that nobody was told of never came to rest either',
      (folder) => {
        for (const n of [0, 1]) change(callOf(folder, CANCELLED, 'create', n), { status: null, orderId: null });
        Object.assign(orderOf(folder, CANCELLED), { status: 'watching', closedAt: null });
      },
      /^I2 cancelled: it never came to rest: watching$/,
      /^I5 cancelled: its cancel was confirmed, and it is watching$/,
      /^I7 cancelled: it is watching, and run .* ended with cancelled$/,
      /^I11 cancelled: its events end at 3 cancelled, its row is at 3 watching$/,
    ],
    [
      'an order has ended, and nobody knows since when',
      (folder) => {
        orderOf(folder, EXPIRED).closedAt = null;
      },
      /^I2 expired: it is expired, and nobody knows since when$/,
    ],
    [
      'an order ended later than ninety seconds after the faults were healed',
      (folder) => {
        strike(folder);
        orderOf(folder, EXPIRED).closedAt = HEALED_AT + 90_001;
      },
      /^I2 expired: it ended 1 ms late$/,
    ],
    [
      'of an order that executes at its expiry the end is the provider’s to give',
      (folder) => executedLate(folder, HEALED_AT + 150_000),
    ],
    [
      'but ninety seconds after that end it has ended here, too',
      (folder) => executedLate(folder, HEALED_AT + 150_001),
      /^I2 executed: it ended 1 ms late$/,
    ],
    [
      'nor does what a fault made under its reference end later',
      (folder) => {
        executedLate(folder, HEALED_AT + 150_001);
        const end = the(folder.ledger, (it) => it.event === 'order.succeeded' && it.reference === `${EXECUTED}:g1`);
        const at = new Date(HEALED_AT + 70_000).toISOString();
        const order = { ...heldBy(folder, 'order.succeeded'), id: 'ord_twin', status: 'failed' };
        folder.ledger.push({ ...end, at, order, event: 'order.failed', orderId: 'ord_twin', twinOf: 'ord_1' });
      },
      /^I2 executed: it ended 1 ms late$/,
    ],
  ]);
});

/** Something was broken that ends of orders rest on. */
const strike = (folder: Folder, experiment = 'F12', at = BEGAN_AT + 2) =>
  folder.history.push({ kind: 'fault', experiment, at, what: 'kill', phase: 'once' });

/** Executing at its expiry; the provider lets it succeed a minute after all was healed. */
function executedLate(folder: Folder, closedAt: number): void {
  strike(folder);
  const end = the(folder.ledger, (it) => it.event === 'order.succeeded' && it.reference === `${EXECUTED}:g1`);
  end.at = new Date(HEALED_AT + 60_000).toISOString();
  the(folder.order_events, (it) => it.orderId === EXECUTED && it.event === 'executed').occurredAt = HEALED_AT;
  orderOf(folder, EXECUTED).closedAt = closedAt;
  the(folder.transactions, (it) => it.orderId === EXECUTED).closedAt = closedAt;
}

describe('I2: what others broke later is no excuse', () => {
  const EXPIRES_AT = BEGAN_AT + 32_500;
  /** Long after the order another experiment begins, and all is healed only after that. */
  const followed = (folder: Folder, what: 'ended' | 'mended', endedAt: number) => {
    folder.meta.healedAt = BEGAN_AT + 600_000;
    strike(folder);
    strike(folder, 'F13', BEGAN_AT + 61_000);
    folder.history.push({ kind: 'turn', experiment: 'F12', at: endedAt, what });
    folder.history.push({ kind: 'turn', experiment: 'F13', at: BEGAN_AT + 60_000, what: 'began' });
    folder.history.push({ kind: 'turn', experiment: 'F13', at: BEGAN_AT + 590_000, what: 'ended' });
    if (what === 'mended') folder.history.push({ kind: 'turn', experiment: 'F12', at: BEGAN_AT + 590_000, what });
  };
  const closed = (folder: Folder, at: number) => {
    orderOf(folder, EXPIRED).closedAt = at;
  };
  each([
    [
      'an order of the first experiment ended when the second was over',
      (folder) => {
        followed(folder, 'ended', EXPIRES_AT - 1);
        closed(folder, EXPIRES_AT + 90_001);
      },
      /^I2 expired: it ended 1 ms late$/,
    ],
    [
      'in time after its expiry',
      (folder) => {
        followed(folder, 'ended', EXPIRES_AT - 1);
        closed(folder, EXPIRES_AT + 90_000);
      },
    ],
    [
      'in time after the end of its own experiment',
      (folder) => {
        followed(folder, 'ended', EXPIRES_AT + 5_000);
        closed(folder, EXPIRES_AT + 95_000);
      },
    ],
    [
      'in a mix that mends what it breaks an order has its time from the mending that it lived to see',
      (folder) => {
        followed(folder, 'mended', EXPIRES_AT + 5_000);
        closed(folder, EXPIRES_AT + 95_001);
      },
      /^I2 expired: it ended 1 ms late$/,
    ],
    [
      'nor is what leaves alone all that ends orders',
      (folder) => closed(folder, EXPIRES_AT + 90_001),
      /^I2 expired: it ended 1 ms late$/,
    ],
    ...['rateLimited', 'no look-ups'].map(
      (what): Case => [
        `a provider that does not answer is one: ${what}`,
        (folder) => {
          folder.history.push({ kind: 'fault', experiment: 'F12', at: BEGAN_AT + 2, what, phase: 'once' });
          closed(folder, HEALED_AT + 90_000);
        },
      ],
    ),
    ...(
      [
        ['a killed api', 'kill at seam', { process: 'api' }],
        ["an api's clock", 'a clock is wrong', { name: 'api' }],
        ['Redis', 'Redis is down', {}],
      ] as const
    ).map(
      ([who, what, detail]): Case => [
        `no order's end rests on ${who}`,
        (folder) => {
          folder.history.push({ kind: 'fault', experiment: 'F12', at: BEGAN_AT + 2, what, phase: 'once', detail });
          closed(folder, EXPIRES_AT + 90_001);
        },
        /^I2 expired: it ended 1 ms late$/,
      ],
    ),
    [
      'without a word of its end an experiment lasts until all was healed',
      (folder) => {
        strike(folder);
        folder.meta.healedAt = BEGAN_AT + 600_000;
        closed(folder, BEGAN_AT + 690_000);
      },
    ],
  ]);
});

describe('I5: cancel', () => {
  const executed = (folder: Folder, at: number) => {
    const reference = `${CANCELLED}:g1`;
    const received = the(
      folder.ledger,
      (it) => it.event === 'request.received' && it.operation === 'orders.execute' && it.reference === `${EXECUTED}:g1`,
    );
    const send = the(folder.conduit_sends, (it) => it.orderId === EXECUTED && it.operation === 'execute');
    const key = `${reference}:execute:1`;
    folder.ledger.push({ ...received, reference, key, at: new Date(at).toISOString() });
    folder.conduit_sends.push({ ...send, orderId: CANCELLED, idempotencyKey: key, outcome: null });
  };
  each([
    [
      'an execute comes after the cancel was confirmed',
      (folder) => executed(folder, callOf(folder, CANCELLED, 'cancel').endedAt + 1),
      /^I5 cancelled: an execute came at .*, after the cancel was confirmed$/,
    ],
    [
      'one that came before, and was refused, is none',
      (folder) => executed(folder, callOf(folder, CANCELLED, 'cancel').beganAt),
    ],
    [
      'a cancelled order was executed',
      (folder) => {
        const claim = the(folder.ledger, (it) => it.event === 'order.claimed' && it.reference === `${EXECUTED}:g1`);
        const order = { ...heldBy(folder, 'order.succeeded'), id: 'ord_9' };
        folder.ledger.push({ ...claim, reference: `${CANCELLED}:g1`, orderId: 'ord_9', order });
      },
      /^I5 cancelled: it is cancelled, and it was executed$/,
      /^I7 cancelled: ord_9 is of an attempt that has no row$/,
    ],
    ...(
      [
        ['an execution that had failed before, and moved nothing, is legal', 0, 'transaction.failed', [NO_ROW]],
        ['one that failed after the cancel was effective', 1, 'transaction.failed', [EXECUTED_ANYWAY, NO_ROW]],
        [
          'one that failed before, and moved money, is effective',
          0,
          'transaction.completed',
          [EXECUTED_ANYWAY, NO_ROW, /^I7 cancelled: a part of ord_9 went through, and it is cancelled$/],
        ],
      ] as const
    ).map(
      ([what, afterMs, transaction, violations]): Case => [
        what,
        (folder) => {
          const closedAt = orderOf(folder, CANCELLED).closedAt ?? 0;
          const at = new Date(closedAt + afterMs).toISOString();
          const order = { ...heldBy(folder, 'order.succeeded'), id: 'ord_9', status: 'failed' };
          const fact = { ...factOf(folder, 'order.claimed'), reference: `${CANCELLED}:g1`, orderId: 'ord_9', order };
          folder.ledger.push(fact, { ...fact, event: 'order.failed', at }, { ...fact, event: transaction, at });
        },
        ...violations,
      ],
    ),
    [
      'its cancel was confirmed, and it is executed',
      (folder) => {
        change(callOf(folder, TOO_LATE, 'cancel'), { status: 200, shown: { status: 'executing', version: 6 } });
        const send = the(folder.conduit_sends, (it) => it.orderId === TOO_LATE && it.operation === 'execute');
        send.permittedAt -= 1;
      },
      /^I5 too_late: its cancel was confirmed, and it is executed$/,
    ],
    [
      'its cancel was refused as too late while it waited, and Conduit had claimed nothing by then',
      (folder) => {
        the(folder.order_events, (it) => it.orderId === TOO_LATE && it.event === 'cancel_refused').status = 'watching';
        factOf(folder, 'order.claimed', TOO_LATE).at = new Date(
          callOf(folder, TOO_LATE, 'cancel').endedAt + 1,
        ).toISOString();
      },
      /^I5 too_late: its cancel was refused as too late, and nothing was on its way$/,
    ],
    [
      'its cancel was refused as too late, and it is cancelled',
      (folder) => {
        change(callOf(folder, CANCELLED, 'cancel'), { status: 409, code: 'too_late' });
        orderOf(folder, CANCELLED).cancelRefusedAt = BEGAN_AT;
      },
      /^I5 cancelled: its cancel was refused as too late, and it is cancelled$/,
      /^I5 cancelled: its cancel was refused as too late, and nothing was on its way$/,
    ],
    [
      'the refusal is kept nowhere',
      (folder) => {
        orderOf(folder, TOO_LATE).cancelRefusedAt = null;
      },
      /^I5 too_late: its cancel was refused as too late, and that is kept nowhere$/,
    ],
    [
      'something is permitted after a cancel was refused',
      (folder) => {
        const send = the(folder.conduit_sends, (it) => it.orderId === TOO_LATE && it.operation === 'create');
        const { endedAt } = callOf(folder, TOO_LATE, 'cancel');
        folder.conduit_sends.push({ ...send, sendId: '99', permittedAt: endedAt + 5 });
      },
      /^I5 too_late: create was permitted 5 ms after its cancel was answered$/,
    ],
    [
      'a cancel that came after the end is told so',
      (folder) => {
        const cancel = callOf(folder, TOO_LATE, 'cancel');
        const later = { code: 'already_terminal', beganAt: HEALED_AT, endedAt: HEALED_AT + 1 };
        folder.history.push({ ...cancel, ...later });
        folder.history.push({ ...cancel, ...later, orderId: EXECUTED });
      },
    ],
    [
      'a cancel was told that its order had ended, and it had not',
      (folder) => {
        change(callOf(folder, TOO_LATE, 'cancel'), { code: 'already_terminal' });
      },
      /^I5 too_late: its cancel was told that it had ended, and it had not$/,
    ],
  ]);
});
