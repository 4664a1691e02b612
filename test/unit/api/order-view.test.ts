import { expect, test } from '@jest/globals';
import { orderView } from '../../../src/api/order-view.ts';
import type { OrderSnapshot } from '../../../src/db/order-snapshots.ts';

const AT = Date.UTC(2031, 0, 2, 3, 4, 5, 6);

const snapshot = (fields: Partial<OrderSnapshot> = {}): OrderSnapshot => ({
  id: 'f8a3e3a9-5678-41e9-8123-abcdef987654',
  version: 3,
  userId: 'f8a3e3a9-5678-41e9-8123-abcdef987655',
  status: 'watching',
  reason: null,
  providerCode: null,
  fromCurrency: 'USDT',
  fromNetwork: 'ethereum',
  toCurrency: 'EUR',
  toNetwork: null,
  pair: 'USDT.ethereum-EUR',
  amount: '20',
  targetRate: '0.000000000000000001',
  direction: '>=',
  floorRate: null,
  triggerRate: '0.926940429999999999',
  idempotencyKey: 'k',
  expiresAt: AT,
  attempts: 1,
  lastAttemptedAt: AT,
  lastLookRate: '0.9',
  nextCheckAt: AT,
  cancelRefusedAt: null,
  createdAt: AT,
  updatedAt: AT,
  closedAt: null,
  attemptStatus: null,
  quotedDebit: null,
  quotedRecipient: null,
  lockedDebit: null,
  lockedRecipient: null,
  settledDebit: null,
  settledRecipient: null,
  conduitOrderId: null,
  conduitTransactionId: null,
  ...fields,
});

const ATTEMPT = {
  attemptStatus: 'executing',
  quotedDebit: '20.000000',
  quotedRecipient: '18.42',
  lockedDebit: '20.000000',
  lockedRecipient: '18.41',
  conduitOrderId: 'ord_1',
} as const;

test('amounts have the decimals of their asset, rates no exponent, times milliseconds and a Z', () => {
  expect(orderView(snapshot({ ...ATTEMPT }))).toMatchObject({
    amount: '20.000000',
    target_rate: '0.000000000000000001',
    locked_debit: '20.000000',
    locked_recipient: '18.41',
    expires_at: '2031-01-02T03:04:05.006Z',
    last_attempted_at: '2031-01-02T03:04:05.006Z',
    closed_at: null,
  });
});

test('the all-in rate is of what was settled, else locked, else quoted, rounded down', () => {
  expect(orderView(snapshot()).all_in_rate).toBeNull();
  const rateOf = (fields: Partial<OrderSnapshot>) => orderView(snapshot({ ...ATTEMPT, ...fields })).all_in_rate;
  expect(rateOf({ lockedDebit: null, lockedRecipient: null })).toBe('0.921000000000000000');
  expect(rateOf({})).toBe('0.920500000000000000');
  expect(rateOf({ settledDebit: '30', settledRecipient: '20' })).toBe('0.666666666666666666');
});

test('an attempt that was closed without effect shows no rate and no money, but its id at Conduit', () => {
  for (const attemptStatus of ['cancelled', 'failed'] as const) {
    expect(orderView(snapshot({ ...ATTEMPT, attemptStatus }))).toMatchObject({
      all_in_rate: null,
      locked_debit: null,
      conduit_order_id: 'ord_1',
    });
    const failed = orderView(
      snapshot({ ...ATTEMPT, attemptStatus, status: 'failed', reason: 'partial_effect', closedAt: AT }),
    );
    expect(failed).toMatchObject({ locked_debit: '20.000000', reason: 'partial_effect' });
  }
});
