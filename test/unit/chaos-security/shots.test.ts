import { gunzipSync } from 'node:zlib';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { KNOWN_NOISE, noise } from '../../../chaos/security/fuzz/nonsense.ts';
import {
  creations,
  deliveries,
  EVENT_BODY,
  ORDER,
  ORDER_BODY,
  requests,
} from '../../../chaos/security/fuzz/requests.ts';
import { describeShot, PLAIN, render, type Shot, type Signature } from '../../../chaos/security/fuzz/shot.ts';
import { bodyNear } from '../../../chaos/security/fuzz/texts.ts';
import { productRoutes } from '../../../chaos/security/routes.ts';
import { parseCreateOrder } from '../../../src/api/create-order.ts';
import { parseWebhookEvent, verifyWebhook } from '../../../src/clients/conduit/webhook.ts';

const SECRET = `whsec_${'a1'.repeat(32)}`;
const NOW = Date.parse('2031-01-01T00:00:00Z');
const DEPS = {
  places: {
    key: 'cpt_KEY',
    user: '11111111-1111-4111-8111-111111111111',
    own: 'OWN',
    foreign: 'FOREIGN',
    other: 'OTHER',
  },
  webhookSecret: SECRET,
  fresh: 'f1',
  now: NOW,
};
const shot = (some: Partial<Shot>): Shot => ({ ...PLAIN, method: 'POST', target: '/orders/<<own>>', ...some });
const headAndBody = (some: Partial<Shot>) => {
  const { bytes } = render(shot(some), DEPS);
  const end = bytes.indexOf('\r\n\r\n');
  return { head: bytes.subarray(0, end).toString('latin1'), body: bytes.subarray(end + 4) };
};

test('places are filled in all of a request, and nothing else is changed', () => {
  const { head, body } = headAndBody({
    headers: [['Authorization', 'Bearer <<key>>']],
    body: '<<fresh>> <<unknown>> {}',
  });
  expect(head).toContain('POST /orders/OWN HTTP/1.1');
  expect(head).toContain('Authorization: Bearer cpt_KEY');
  expect(body.toString()).toBe('f1 <<unknown>> {}');
});

test('the bodies that all others are made from are what the API takes', () => {
  const order = headAndBody({ body: ORDER_BODY }).body.toString();
  expect(parseCreateOrder(JSON.parse(order))).toMatchObject({ idempotencyKey: 'f1', expiresAt: NOW + 150_000 });
  const event = headAndBody({ body: EVENT_BODY }).body;
  expect(parseWebhookEvent(event)).toMatchObject({ id: 'evt_f1', reference: 'OWN:g1' });
});

test.each([
  ['right', 'ok'],
  ['wrong_secret', 'mismatch'],
  ['wrong_body', 'mismatch'],
  ['too_old', 'stale'],
  ['too_new', 'stale'],
  ['twice', 'malformed'],
  ['no_time', 'malformed'],
  ['none', 'missing'],
] as const)('a delivery whose signature is %s is %s to whoever verifies it', async (signature: Signature, verdict) => {
  const { head, body } = headAndBody({ body: EVENT_BODY, signature });
  const values = [...head.matchAll(/^X-Conduit-Signature: (.*)$/gm)].map(([, value]) => value);
  expect(await verifyWebhook(body, values.length > 0 ? values.join(', ') : undefined, [SECRET], async () => NOW)).toBe(
    verdict,
  );
});

test('lengths are told rightly and wrongly as asked, and an answer is owed to what is whole and small', () => {
  const body = 'x'.repeat(1_000);
  expect(headAndBody({ body }).head).toContain('Content-Length: 1000');
  expect(headAndBody({ body, length: 'long' }).head).toContain('Content-Length: 1010');
  expect(headAndBody({ body, length: 'short' }).head).toContain('Content-Length: 500');
  expect(headAndBody({ body, length: 'chunked' }).body.toString()).toBe(
    `2bc\r\n${'x'.repeat(700)}\r\n12c\r\n${'x'.repeat(300)}\r\n0\r\n\r\n`,
  );
  const owed = (some: Partial<Shot>) => render(shot(some), DEPS).isOwed;
  expect([owed({ body }), owed({ body, length: 'chunked' })]).toEqual([true, true]);
  expect([owed({ body, length: 'long' }), owed({ body, length: 'short' }), owed({ body: 'x'.repeat(20_000) })]).toEqual(
    [false, false, false],
  );
  expect(owed({ headers: [['X', 'x'.repeat(17_000)]] })).toBe(false);
});

test('a packed body unpacks to itself; a bomb to far more than it is', () => {
  expect(gunzipSync(headAndBody({ body: 'hello', packing: 'gzip' }).body).toString()).toBe('hello');
  const bomb = headAndBody({ body: 'x', packing: 'bomb' }).body;
  expect(gunzipSync(bomb).length).toBeGreaterThan(bomb.length * 500);
});

test('damaged bytes are where they were asked for', () => {
  expect([...headAndBody({ body: 'abcd', damage: [[0.5, 255]] }).body]).toEqual([97, 98, 255, 100]);
});

test('a request is told by what is unusual in it, its places unfilled, and shortly', () => {
  const text = describeShot(shot({ headers: [['X', 'x'.repeat(9_000)]], body: '<<key>>' }));
  expect(text).toContain('<<key>>');
  expect(text).toContain('x{×9000}');
  expect(text).not.toContain('packing');
  expect(text.length).toBeLessThan(300);
});

test.each([
  ['creates', creations(productRoutes())],
  ['requests', requests(productRoutes())],
  ['webhooks', deliveries(productRoutes())],
  ['noise', noise],
] as const)('a seed makes the same %s again, and they are many', (_name, things) => {
  const sample = () => fc.sample<object>(things, { seed: 7, numRuns: 200 }).map((it) => JSON.stringify(it));
  expect(sample()).toEqual(sample());
  expect(new Set(sample()).size).toBeGreaterThan(150);
  for (const text of sample()) expect(text).not.toContain(SECRET);
});

test('bodies near to a right one are often JSON, and seldom right', () => {
  const bodies = fc.sample(bodyNear(ORDER), { seed: 7, numRuns: 300 });
  const isJson = (text: string) => {
    try {
      JSON.parse(text);
      return true;
    } catch {
      return false;
    }
  };
  const json = bodies.filter(isJson).length;
  expect(json).toBeGreaterThan(120);
  expect(json).toBeLessThan(290);
  const right = bodies.filter((text) => text === ORDER_BODY).length;
  expect(right).toBeLessThan(100);
});

test('no noise that is known is whole and right', () => {
  expect(KNOWN_NOISE.length).toBeGreaterThan(50);
  for (const { pieces } of KNOWN_NOISE) expect(pieces.join('')).not.toMatch(/"expires_at":"<<expiry>>"\}$/);
});
