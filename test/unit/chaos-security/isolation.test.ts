import { expect, test } from '@jest/globals';
import type { Caller } from '../../../chaos/security/callers.ts';
import { differenceOf, probesFor, told } from '../../../chaos/security/isolation.ts';
import { type RawReply, readReplies } from '../../../chaos/security/raw-http.ts';
import { kindOfRoute, productRoutes } from '../../../chaos/security/routes.ts';

function reply(body: string, head = 'X-Request-Id: probe'): RawReply {
  const text = `HTTP/1.1 404 Not Found\r\n${head}\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
  const [read] = readReplies(text).replies;
  if (!read) throw new Error(`that is no reply: ${text}`);
  return read;
}

test('two answers that differ in the time alone are the same', () => {
  const at = (second: number) => reply('{}', `Date: Mon, 01 Jan 2031 00:00:0${second} GMT\r\nX-Request-Id: probe`);
  expect(differenceOf(at(1), at(2))).toBeNull();
});

test.each([
  ['a word of the body', reply('{"a":1}'), reply('{"a":2}')],
  ['one more byte of the body', reply('{}'), reply('{} ')],
  ['a header', reply('{}', 'X-Order: a'), reply('{}')],
  ['a header more', reply('{}', 'X-Request-Id: probe\r\nX-Order: a'), reply('{}')],
  ['the order of the headers', reply('{}', 'A: 1\r\nB: 2'), reply('{}', 'B: 2\r\nA: 1')],
])('two answers that differ in %s are told apart, both ways', (_what, one, other) => {
  expect(differenceOf(one, other)).not.toBeNull();
  expect(differenceOf(other, one)).not.toBeNull();
});

test('an answer is called by its status and code', () => {
  expect(told(reply('{"code":"order_not_found"}'))).toBe('404 order_not_found');
  expect(told(reply(''))).toBe('404');
  expect(told(null)).toBe('nothing');
});

test.each(['nobody', 'stranger', 'allowed'] as const)('%s tries every route about an order', (kind) => {
  const caller: Caller = { name: kind, kind, headers: [] };
  const routes = productRoutes().filter((route) => kindOfRoute(route) === 'order');
  const tried = probesFor(caller, productRoutes()).map(({ method, target }) => `${method} ${target(':id')}`);
  // Those who may would move the order by the others.
  const due = routes.filter(({ method }) => kind !== 'allowed' || method === 'GET');
  expect(due.length).toBeGreaterThan(0);
  for (const { method, path } of due) expect(tried).toContain(`${method} ${path}`);
  if (kind === 'allowed') expect(tried.filter((it) => !/^(GET|HEAD) /.test(it))).toEqual([]);
});
