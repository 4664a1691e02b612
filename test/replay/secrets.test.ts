import { expect, test } from '@jest/globals';
import { readText, storedNames } from './stored.ts';

/** What gives access to anything or names an account: by the forms that the product itself uses. */
const FORBIDDEN: Record<string, RegExp> = {
  'an account at Conduit': /\b(wlt|vac|cus)_[0-9A-Za-z]{6,}/,
  'an order, quote or transaction at Conduit': /\b(ord|txn|qte|qto|opt)_[0-9A-Za-z]{6,}/,
  "Conduit's key": /ck_(live|sandbox)_[0-9a-f]{8,}/,
  "a webhook's secret": /whsec_[0-9A-Za-z]+/,
  'an API key': /\bcpt_[0-9A-Za-z]{8,}/,
  'an address with a password': /\b(postgres(ql)?|rediss?):\/\//,
  'a header of access': /\b(authorization|bearer|x-api-key|api-key)\b/i,
  'an idempotency key of a send': /:(create|execute:\d+|cancel:\d+)"/,
};

/** The text with every payload as it was before it was encoded beside it. */
function readable(text: string): string {
  const decoded = [...text.matchAll(/"data":"([A-Za-z0-9+/=]+)"/g)].map(([, data]) =>
    Buffer.from(data ?? '', 'base64').toString(),
  );
  return [text, ...decoded].join('\n');
}

const HELD = storedNames().map((name) => [name, readable(readText(name))] as const);

test.each(Object.entries(FORBIDDEN))('no stored history holds %s', (_what, form) => {
  expect(HELD.filter(([, text]) => form.test(text)).map(([name]) => name)).toEqual([]);
});

test('what a payload holds is seen, encoded as it is', () => {
  const account = `wlt_${'0'.repeat(22)}`;
  const payload = Buffer.from(JSON.stringify({ account })).toString('base64');
  const form = FORBIDDEN['an account at Conduit'];
  expect(form?.test(readable(`{"payloads":[{"data":"${payload}"}]}`))).toBe(true);
  // The payloads of the stored ones are read, and are not empty for want of a match.
  for (const [name, text] of HELD) if (name.startsWith('executed')) expect(text).toContain('"orderId"');
});
