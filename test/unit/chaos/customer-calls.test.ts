// What a customer writes down of an answer.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type { ClientOperation } from '../../../chaos/evidence/history.ts';
import { type CustomerCalls, callsOf } from '../../../chaos/load/customer-calls.ts';

const [ASKED, OTHER] = ['00000000-0000-4000-8000-000000000001', '00000000-0000-4000-8000-000000000002'];
let answer = { status: 200, headers: {} as Record<string, string>, body: '' };
const server = createServer((_req, res) => void res.writeHead(answer.status, answer.headers).end(answer.body));
const entries: ClientOperation[] = [];
let calls: CustomerCalls;

beforeEach(async () => {
  entries.length = 0;
  await new Promise<void>((done) => void server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  const history = { entries, add: (entry: unknown) => void entries.push(entry as ClientOperation) };
  const customer = { userId: 'u', apiKey: 'k', accounts: {} };
  calls = callsOf({ apiUrl: `http://127.0.0.1:${port}`, experiment: 'X', history }, customer, 'client');
});
afterEach(() => {
  server.closeAllConnections();
  return new Promise((done) => void server.close(done));
});

test('of a read the order that was asked for, and all that was shown', async () => {
  const view = { order_id: OTHER, status: 'watching', version: 2, amount: '1.00' };
  answer = { status: 200, headers: {}, body: JSON.stringify(view) };
  await calls.read(ASKED ?? '');
  expect(entries).toMatchObject([
    { orderId: ASKED, answer: view, shown: { status: 'watching', version: 2 }, retryAfter: null },
  ]);
});

test('of a create the order that it was answered with', async () => {
  answer = { status: 201, headers: {}, body: JSON.stringify({ order_id: OTHER, status: 'accepted', version: 1 }) };
  await calls.create({ idempotency_key: 'a' } as Parameters<CustomerCalls['create']>[0]);
  expect(entries).toMatchObject([{ orderId: OTHER, status: 201, key: 'a', bodyNumber: 0 }]);
});

test('of the events their list', async () => {
  const list = { order_id: ASKED, events: [{ number: 1 }], next_after: null };
  answer = { status: 200, headers: {}, body: JSON.stringify(list) };
  await calls.events(ASKED ?? '');
  expect(entries).toMatchObject([{ operation: 'events', orderId: ASKED, answer: list }]);
  expect(entries[0]).not.toHaveProperty('shown');
});

test('of a refusal its body, and when to come back', async () => {
  answer = { status: 503, headers: { 'retry-after': '2' }, body: JSON.stringify({ code: 'storage_unavailable' }) };
  await calls.cancel(ASKED ?? '');
  expect(entries).toMatchObject([
    { status: 503, code: 'storage_unavailable', error: { code: 'storage_unavailable' }, retryAfter: '2' },
  ]);
});

test('of what is no JSON how it begins', async () => {
  answer = { status: 502, headers: {}, body: `<html>${'x'.repeat(5_000)}` };
  await calls.read(ASKED ?? '');
  expect(entries[0]?.error).toBe(`<html>${'x'.repeat(1_994)}`);
});
