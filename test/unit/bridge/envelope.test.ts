import { randomUUID } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { readEnvelope } from '../../../src/pubsub-bridge/envelope.ts';

const bytes = (payload: unknown) => Buffer.from(JSON.stringify(payload));
const order_id = randomUUID();

test('each topic reads what its writers write', () => {
  const check = { v: 1, order_id };
  const change = { v: 1, order_id, version: 3, actor: 'reconciler' };
  const event = { v: 1, order_id, event_id: 'evt_1' };
  expect(readEnvelope('order-checks', bytes(check))).toEqual({ kind: 'read', envelope: check });
  expect(readEnvelope('order-changes', bytes(change))).toEqual({ kind: 'read', envelope: change });
  expect(readEnvelope('conduit-events', bytes(event))).toEqual({ kind: 'read', envelope: event });
});

test('an id in capitals is the same order', () => {
  const read = readEnvelope('order-checks', bytes({ v: 1, order_id: order_id.toUpperCase() }));
  expect(read).toMatchObject({ envelope: { order_id } });
});

test('a field that a newer writer added is no fault', () => {
  expect(readEnvelope('order-checks', bytes({ v: 1, order_id, priority: 7 }))).toMatchObject({ kind: 'read' });
});

test.each([
  ['nothing', Buffer.alloc(0), 'not_json'],
  ['half of a payload', Buffer.from('{"v":1,"order_'), 'not_json'],
  ['bytes that are no text', Buffer.from([0x22, 0xff, 0xfe, 0x22]), 'not_json'],
  ['null', bytes(null), 'wrong_shape'],
  ['a list', bytes([order_id]), 'wrong_shape'],
  ['no version', bytes({ order_id }), 'wrong_shape'],
  ['a version in quotes', bytes({ v: '1', order_id }), 'wrong_shape'],
  ['a newer version', bytes({ v: 2, order_id }), 'unknown_version'],
  ['no order', bytes({ v: 1 }), 'wrong_shape'],
  ['an order that is a number', bytes({ v: 1, order_id: 7 }), 'wrong_shape'],
  ['an order that is no UUID', bytes({ v: 1, order_id: `${order_id}0` }), 'wrong_shape'],
  ['an order that would escape its workflow id', bytes({ v: 1, order_id: '../../x' }), 'wrong_shape'],
  ['more bytes than any of ours', Buffer.alloc(64 * 1_024 + 1, ' '), 'too_large'],
])('%s is unreadable', (_name, data, reason) => {
  expect(readEnvelope('order-checks', data)).toMatchObject({ kind: 'unreadable', reason });
});

test.each([
  ['an actor we do not know', { v: 1, order_id, version: 1, actor: 'somebody' }],
  ['a version that is no count', { v: 1, order_id, version: 0.5, actor: 'api' }],
])('a change by %s is unreadable', (_name, payload) => {
  expect(readEnvelope('order-changes', bytes(payload))).toMatchObject({ kind: 'unreadable', reason: 'wrong_shape' });
});

test('the reason names the field and never a value', () => {
  const read = readEnvelope('order-checks', bytes({ v: 1, order_id: 'wlt_secret' }));
  expect(read).toMatchObject({ detail: expect.stringContaining('order_id') });
  expect(JSON.stringify(read)).not.toContain('wlt_secret');
});
