import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  type Asset,
  assetText,
  decimalsOf,
  isCurrency,
  pairText,
  parseAsset,
  parsePair,
  sameAsset,
} from '../../../src/domain/assets.ts';
import { DomainError, ERROR_CODES } from '../../../src/domain/errors.ts';
import { attemptReference, orderIdOfReference, sendKey } from '../../../src/domain/ids.ts';

const CODES = ['USD', 'EUR', 'USDC', 'USDT', 'ETH', 'SOL'] as const;
const NETWORKS = [null, 'ethereum', 'base', 'solana', 'polygon', 'tron', 'stellar', 'moon', ''];
const ASSETS: Asset[] = CODES.flatMap((code) => NETWORKS.map((network) => parseAsset(code, network))).filter(
  (parsed): parsed is Asset => typeof parsed !== 'string',
);

describe('assets', () => {
  test.each([
    ['USD', null, 2],
    ['EUR', null, 2],
    ['USDC', 'base', 6],
    ['USDT', 'tron', 6],
    ['ETH', 'ethereum', 18],
    ['SOL', 'solana', 9],
  ] as const)('%s on %p has %d decimals', (currency, network, decimals) => {
    expect(parseAsset(currency, network)).toEqual({ currency, network });
    expect(decimalsOf(currency)).toBe(decimals);
  });

  test('each lives on its networks alone', () => {
    const texts = ASSETS.map(assetText);
    expect(texts).toHaveLength(2 + 6 + 6 + 2 + 1);
    expect(new Set(texts).size).toBe(texts.length);
    expect(texts).toContain('ETH.base');
    expect(texts).not.toContain('SOL.ethereum');
  });

  test.each([
    ['DOGE', null, 'unknown_currency'],
    ['usd', null, 'unknown_currency'],
    ['toString', null, 'unknown_currency'],
    ['__proto__', null, 'unknown_currency'],
    ['', null, 'unknown_currency'],
    ['USD', 'ethereum', 'network_unexpected'],
    ['USDC', null, 'network_missing'],
    ['USDC', 'moon', 'unknown_network'],
    ['ETH', 'solana', 'unknown_network'],
    ['USDC', '', 'unknown_network'],
  ])('%j on %p: %s', (code, network, fault) => {
    expect(parseAsset(code, network)).toBe(fault);
    expect(isCurrency(code)).toBe(fault !== 'unknown_currency');
  });

  test('a pair has one text, and that text one pair', () => {
    const asset = fc.constantFrom(...ASSETS);
    fc.assert(
      fc.property(asset, asset, (from, to) => {
        expect(parsePair(pairText(from, to))).toEqual({ from, to });
        expect(sameAsset(from, to)).toBe(assetText(from) === assetText(to));
      }),
    );
    expect(pairText({ currency: 'USDT', network: 'ethereum' }, { currency: 'USD', network: null })).toBe(
      'USDT.ethereum-USD',
    );
  });

  test.each(['', 'USD', 'USD-', '-USD', 'USD-EUR-USD', 'USD-DOGE', 'USDC-USD', 'USD.base-EUR'])(
    '%j is no pair',
    (text) => {
      expect(() => parsePair(text)).toThrow('not a pair');
    },
  );
});

describe('references and keys', () => {
  const id = '0b1c2d3e-4f50-4a61-8b72-93a4b5c6d7e8';

  test('a reference leads back to its order', () => {
    expect(attemptReference(id, 12)).toBe(`${id}:g12`);
    expect(orderIdOfReference(`${id}:g12`)).toBe(id);
  });

  test.each([
    id,
    `${id}:g`,
    `${id}:g1x`,
    ` ${id}:g1`,
    `${id}:g1\n`,
    `${id.toUpperCase()}:g1`,
    `${id}:g1:create`,
    'order-123',
    '',
  ])('a reference that is not ours names no order: %j', (reference) => {
    expect(orderIdOfReference(reference)).toBeNull();
  });

  test('each intention has its own key, in what Conduit accepts as one', () => {
    const reference = attemptReference(id, 3);
    const keys = [
      sendKey(reference, 'create', 1),
      sendKey(reference, 'execute', 1),
      sendKey(reference, 'execute', 2),
      sendKey(reference, 'cancel', 1),
      sendKey(attemptReference(id, 4), 'create', 1),
    ];
    expect(keys.slice(0, 4)).toEqual([
      `${id}:g3:create`,
      `${id}:g3:execute:1`,
      `${id}:g3:execute:2`,
      `${id}:g3:cancel:1`,
    ]);
    expect(new Set(keys).size).toBe(keys.length);
    for (const key of keys) expect(key).toMatch(/^[A-Za-z0-9_.:-]{1,128}$/);
  });
});

describe('errors', () => {
  test('each code has a kind, and says what was wrong where', () => {
    for (const code of ERROR_CODES) {
      const error = new DomainError(code, 'why');
      expect(error.kind).toMatch(/^(invalid|unauthenticated|forbidden|not_found|conflict|unavailable)$/);
      expect(error).toMatchObject({
        name: 'DomainError',
        message: 'why',
        fields: [],
        providerCode: null,
        retryAfterMs: null,
      });
    }
    const cause = new Error('below');
    const fields = [{ pointer: '/amount', detail: 'too large' }];
    const error = new DomainError('validation_failed', 'no', {
      fields,
      cause,
      retryAfterMs: 5,
      orderStatus: 'expired',
      providerCode: 'X',
    });
    expect(error).toMatchObject({
      fields,
      cause,
      retryAfterMs: 5,
      orderStatus: 'expired',
      providerCode: 'X',
      kind: 'invalid',
    });
  });
});
