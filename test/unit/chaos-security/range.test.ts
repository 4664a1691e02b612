import { createServer } from 'node:http';
import { afterEach, expect, test } from '@jest/globals';
import type { Book } from '../../../chaos/security/fuzz/book.ts';
import { openRange } from '../../../chaos/security/fuzz/range.ts';
import { PLAIN } from '../../../chaos/security/fuzz/shot.ts';
import type { System } from '../../../chaos/system/system.ts';

const PLACES = { key: 'k', user: 'u', own: 'own-order', foreign: 'foreign-order', other: 'o' };
const PROTECTIONS = {
  'content-security-policy': "default-src 'self'",
  'strict-transport-security': 'max-age=31536000',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'SAMEORIGIN',
  'referrer-policy': 'no-referrer',
};

const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

/** A range whose api answers with these one after another, each a status and a code. */
async function rangeBefore(answers: (readonly [status: number, code: string])[]) {
  const server = createServer((_req, res) => {
    const [status, code] = answers.shift() ?? [500, 'internal_error'];
    const type = `urn:conduitpay:problem:${code}`;
    const body = status < 300 ? {} : { type, title: 't', detail: 'd', status, code, request_id: 'r' };
    const headers = { ...PROTECTIONS, 'x-request-id': 'r', 'retry-after': '5' };
    res.writeHead(status, {
      ...headers,
      'content-type': status < 300 ? 'application/json' : 'application/problem+json; charset=utf-8',
      connection: 'close',
    });
    res.end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ends.push(() => server.close());
  const address = server.address();
  const apiUrl = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
  const kept: number[] = [];
  const keep: Book['keep'] = async (_asked, { status }) => void kept.push(status);
  const system = { apiUrl, env: {}, secrets: [], customers: [] } as unknown as System;
  return { range: openRange({ system, places: PLACES, book: { keep } as Book }), kept };
}

const CREATE = { ...PLAIN, method: 'POST', target: '/orders', body: '{}' };
const NO_QUOTE = [503, 'quote_unavailable'] as const;

test('a quote that was late once is asked for again, and what then comes is judged', async () => {
  const { range, kept } = await rangeBefore([NO_QUOTE, [201, '']]);
  const { reply, faults } = await range.fire(CREATE);
  expect([reply?.status, faults]).toEqual([201, []]);
  // Both are in the book: an order that came of the second is told of.
  expect(kept).toEqual([503, 201]);
  expect(range.counts.get('503 quote_unavailable')).toBe(1);
});

test('a request that gets no quote twice in a row is a fault, and so is any other outage', async () => {
  const twice = await rangeBefore([NO_QUOTE, NO_QUOTE]);
  expect((await twice.range.fire(CREATE)).faults).toEqual([
    { invariant: 'I14', text: '503 quote_unavailable, twice in a row' },
  ]);
  const away = await rangeBefore([[503, 'storage_unavailable']]);
  expect((await away.range.fire(CREATE)).faults).toEqual([
    { invariant: 'I14', text: expect.stringMatching(/^a 503 is storage_unavailable/) },
  ]);
});
