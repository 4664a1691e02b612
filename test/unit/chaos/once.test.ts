// I1: how often.
import { describe } from '@jest/globals';
import { BEGAN_AT, EXPIRED } from './clean-folder.ts';
import { attemptOf, factOf, heldBy, orderOf, REFERENCE, sendOf } from './facts.ts';
import type { Folder } from './folder.ts';
import { type Case, each } from './spoiled.ts';

/** A second order at the provider under the reference of the first. */
function addTwin(folder: Folder, event: string, twinOf?: string): void {
  const { order: _first, ...first } = factOf(folder, 'order.claimed');
  const order = { ...heldBy(folder, 'order.claimed'), id: 'ord_twin', status: 'succeeded' };
  folder.ledger.push({ ...first, event, orderId: 'ord_twin', order, ...(twinOf === undefined ? {} : { twinOf }) });
}

/** A request for that order, under a key that was written down. */
function addRequest(folder: Folder, operation: 'cancel' | 'execute', orderId: string): void {
  const { idempotencyKey: key } = sendOf(folder, 'execute');
  const fact = { event: 'request.received', operation: `orders.${operation}`, orderId, key, requestId: 'req-twin' };
  folder.ledger.push({ seq: 999, at: factOf(folder, 'order.claimed').at, reference: REFERENCE, ...fact });
}

const ONCE: readonly Case[] = [
  [
    'two orders at the provider are claimed at once',
    (folder) => addTwin(folder, 'order.claimed'),
    /^I1 executed: 2 executions at once since .*: ord_1, ord_twin$/,
    /^I7 executed: attempt 1 holds ord_1, the provider ord_twin$/,
  ],
  [
    'a second claim after the first has failed is none too many, the two successes are',
    (folder) => {
      addTwin(folder, 'order.succeeded');
    },
    /^I1 executed: executed 2 times$/,
    /^I7 executed: attempt 1 holds ord_1, the provider ord_twin$/,
  ],
  ['a twin that a fault claims by itself is not our doing', (folder) => addTwin(folder, 'order.claimed', 'ord_1')],
  [
    'nor is one that we have cancelled',
    (folder) => {
      addRequest(folder, 'cancel', 'ord_twin');
      addTwin(folder, 'order.claimed', 'ord_1');
    },
  ],
  [
    'one that we have executed is',
    (folder) => {
      addRequest(folder, 'execute', 'ord_twin');
      addTwin(folder, 'order.claimed', 'ord_1');
    },
    /^I1 executed: 2 executions at once since .*: ord_1, ord_twin$/,
  ],
  [
    'an execution that is started beside such a twin is',
    (folder) => {
      folder.ledger.unshift({ ...factOf(folder, 'order.claimed'), orderId: 'ord_twin', twinOf: 'ord_1' });
      addTwin(folder, 'order.succeeded', 'ord_1');
    },
    /^I1 executed: 2 executions at once since .*: ord_twin, ord_1$/,
  ],
  [
    'what went through in part is as alive as what succeeded',
    (folder) => {
      const claim = factOf(folder, 'order.claimed');
      const other = { ...heldBy(folder, 'order.claimed'), id: 'ord_0', status: 'failed' };
      const base = { ...claim, orderId: 'ord_0', order: other, twinOf: 'ord_1' };
      folder.ledger.unshift(
        { ...base, event: 'order.claimed' },
        { ...base, event: 'transaction.completed' },
        { ...base, event: 'order.failed' },
      );
    },
    /^I1 executed: 2 executions at once since .*: ord_0, ord_1$/,
  ],
  [
    'also when it is seen to only after the failure',
    (folder) => {
      const other = { ...heldBy(folder, 'order.claimed'), id: 'ord_0', status: 'failed' };
      const base = { ...factOf(folder, 'order.claimed'), orderId: 'ord_0', order: other, twinOf: 'ord_1' };
      folder.ledger.unshift(
        { ...base, event: 'order.claimed' },
        { ...base, event: 'order.failed' },
        { ...base, event: 'transaction.completed' },
      );
    },
    /^I1 executed: 2 executions at once since .*: ord_0, ord_1$/,
  ],
  [
    'or when the next one is on its way already',
    (folder) => {
      const other = { ...heldBy(folder, 'order.claimed'), id: 'ord_0', status: 'failed' };
      const base = { ...factOf(folder, 'order.claimed'), orderId: 'ord_0', order: other };
      folder.ledger.unshift({ ...base, event: 'order.claimed' }, { ...base, event: 'order.failed' });
      folder.ledger.push({ ...base, event: 'transaction.completed' });
    },
    /^I1 executed: 2 executions at once since .*: ord_1, ord_0$/,
    /^I7 executed: attempt 1 holds ord_1, the provider ord_0$/,
    /^I7 executed: a part of ord_0 went through, and it is executed$/,
  ],
  [
    'what failed without effect is not',
    (folder) => {
      const other = { ...heldBy(folder, 'order.claimed'), id: 'ord_0', status: 'failed' };
      const base = { ...factOf(folder, 'order.claimed'), orderId: 'ord_0', order: other, twinOf: 'ord_1' };
      folder.ledger.unshift({ ...base, event: 'order.claimed' }, { ...base, event: 'order.failed' });
    },
  ],
  [
    'the provider executed, and the order is failed',
    (folder) => {
      Object.assign(orderOf(folder), { status: 'failed', reason: 'orphan_executed' });
    },
    /^I1 executed: 1 success at the provider, and the order is failed$/,
    /^I7 executed: it is failed, and run .* ended with executed$/,
    /^I11 executed: its events end at 7 executed, its row is at 7 failed$/,
  ],
  [
    'one attempt was created under two keys',
    (folder) => {
      const key = `${REFERENCE}:create:again`;
      folder.ledger.push({ ...factOf(folder, 'request.received'), key });
      folder.conduit_sends.push({ ...sendOf(folder, 'create'), sendId: '99', idempotencyKey: key, outcome: null });
    },
    /^I1 executed: one attempt was created under 2 keys: .*:create, .*:create:again$/,
  ],
  [
    'a new execute is permitted while an earlier one is open',
    (folder) => {
      const first = sendOf(folder, 'execute');
      folder.conduit_sends.unshift({
        ...first,
        sendId: '0',
        idempotencyKey: `${REFERENCE}:execute:0`,
        outcome: null,
      });
    },
    /^I1 executed: .*:execute:1 was permitted while .*:execute:0 was open$/,
  ],
  [
    'a new execute is permitted before the refusal of the one before it was known',
    (folder) => {
      const first = sendOf(folder, 'execute');
      const refused = { ...first, sendId: '0', idempotencyKey: `${REFERENCE}:execute:0`, outcome: 'no_effect' };
      folder.conduit_sends.unshift({ ...refused, repliedAt: first.permittedAt + 1 });
    },
    /^I1 executed: .*:execute:1 was permitted while .*:execute:0 was no_effect$/,
  ],
  [
    'after a refusal that was known a new execute is as it shall be',
    (folder) => {
      const first = sendOf(folder, 'execute');
      const refused = { ...first, sendId: '0', idempotencyKey: `${REFERENCE}:execute:0`, outcome: 'no_effect' };
      folder.conduit_sends.unshift({ ...refused, repliedAt: first.permittedAt - 1 });
    },
  ],
  [
    'an attempt is closed by us with an execute that may have taken effect',
    (folder) => {
      const cancel = sendOf(folder, 'cancel', EXPIRED);
      folder.conduit_sends.push({ ...cancel, sendId: '99', operation: 'execute', outcome: null });
    },
    /^I1 expired: attempt 1 was closed by us with an execute that was unresolved$/,
  ],
  [
    'an attempt is closed by us before the refusal of its execute was known',
    (folder) => {
      const cancel = sendOf(folder, 'cancel', EXPIRED);
      const repliedAt = (attemptOf(folder, EXPIRED).closedAt ?? 0) + 1;
      folder.conduit_sends.push({ ...cancel, sendId: '99', operation: 'execute', outcome: 'no_effect', repliedAt });
    },
    /^I1 expired: attempt 1 was closed by us with an execute that was no_effect$/,
  ],
  [
    'an attempt is closed on the word of a provider that has not said so yet',
    (folder) => {
      attemptOf(folder).closedAt = Date.parse(factOf(folder, 'order.succeeded').at) - 1;
    },
    /^I1 executed: attempt 1 was closed as succeeded on the word of a provider that had not said so$/,
  ],
  [
    'an attempt is closed on the word of a provider that says something else',
    (folder) => {
      attemptOf(folder, EXPIRED).closedBy = 'reading';
      attemptOf(folder, EXPIRED).closedAt = BEGAN_AT + 60_000;
      attemptOf(folder, EXPIRED).status = 'failed';
      factOf(folder, 'order.cancelled', EXPIRED).event = 'order.linked';
    },
    /^I1 expired: attempt 1 was closed as failed on the word of a provider that had not said so$/,
  ],
  [
    'once it has said so',
    (folder) => {
      attemptOf(folder).closedAt = Date.parse(factOf(folder, 'order.succeeded').at);
    },
  ],
  [
    'of two orders under one reference nothing is concluded',
    (folder) => {
      attemptOf(folder).closedAt = Date.parse(factOf(folder, 'order.succeeded').at) - 1;
      addTwin(folder, 'order.twinned', 'ord_1');
    },
  ],
];

describe('I1: once', () => each(ONCE));
