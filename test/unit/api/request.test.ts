import { describe, expect, test } from '@jest/globals';
import { hashApiKey, isApiKey, newApiKey } from '../../../src/api/api-key.ts';
import { parseCreateOrder } from '../../../src/api/create-order.ts';
import { HASH_VERSION, requestHash } from '../../../src/api/request-hash.ts';

const BODY = {
  from_currency: 'USDT',
  to_currency: 'USDC',
  from_network: 'ethereum',
  to_network: 'ethereum',
  amount: '20.00',
  target_rate: '0.9200000000',
  direction: '>=',
  idempotency_key: 'idem-12351-unique-key',
  user_id: 'f8a3e3a9-5678-41e9-8123-abcdef987654',
  expires_at: '2025-09-20T10:00:00Z',
};
const hash = (fields: object) => requestHash(parseCreateOrder({ ...BODY, ...fields }), HASH_VERSION);

describe('the hash of a request', () => {
  test('of version 1 is the same for ever: keys stored by every release hang on it', () => {
    expect(HASH_VERSION).toBe(1);
    expect(hash({})).toBe('1af06b7d16b38ee2e073d75478aa81092d85ccef24dcadb6d6689bc4e4e878dd');
  });

  test('does not hang on how numbers, times and ids are written, nor on the key itself', () => {
    const same = [
      { amount: '20' },
      { amount: '20.000000' },
      { target_rate: '0.92' },
      { expires_at: '2025-09-20T10:00:00.000Z' },
      { expires_at: '2025-09-20T10:00:00.000999Z' },
      { user_id: BODY.user_id.toUpperCase() },
      { idempotency_key: 'another' },
    ];
    expect(new Set(same.map(hash))).toEqual(new Set([hash({})]));
  });

  test('hangs on everything that the order means', () => {
    const other = [
      {},
      { amount: '20.000001' },
      { target_rate: '0.920000000000000001' },
      { direction: '<=' },
      { from_network: 'base' },
      { to_network: 'base' },
      { from_currency: 'USDC', to_currency: 'USDT' },
      { from_currency: 'USD', from_network: null },
      { expires_at: '2025-09-20T10:00:00.001Z' },
      { user_id: 'f8a3e3a9-5678-41e9-8123-abcdef987655' },
    ];
    expect(new Set(other.map(hash)).size).toBe(other.length);
  });

  test('of a version that never was is a fault of ours', () => {
    expect(() => requestHash(parseCreateOrder(BODY), 2)).toThrow();
  });
});

test('a new key has its form, is never the same twice, and is known by its hash', () => {
  const keys = Array.from({ length: 200 }, newApiKey);
  for (const { key, prefix, hash: kept } of keys) {
    expect(isApiKey(key)).toBe(true);
    expect(key.startsWith(prefix)).toBe(true);
    expect(prefix).toHaveLength(8);
    expect(kept).toBe(hashApiKey(key));
  }
  expect(new Set(keys.map(({ key }) => key)).size).toBe(200);
  // Every place of the key takes many values: a key is not padded where it matters.
  const firsts = new Set(keys.map(({ key }) => key[5]));
  expect(firsts.size).toBeGreaterThan(30);
});
