import { expect, test } from '@jest/globals';
import { isTemporalUnavailable } from '../../../src/clients/temporal.ts';
import { orderStartOptions, rateWatchStartOptions } from '../../../src/clients/temporal-starts.ts';

const order = {
  id: '6f1c1a52-9f0e-4b52-9d4c-0a3f3c1d2e4b',
  userId: '0b8f6f2e-2b5d-4a0f-8a65-7d0f5a0f9c11',
  pair: 'USD-EUR',
  status: 'watching',
  direction: '<=',
  amount: '20.00',
  targetRate: '0.92',
  floorRate: '0.874',
  expiresAt: Date.UTC(2027, 0, 2),
} as const;

test('the bridge starts after a failed run only, the reconciler after any; neither beside one that is open', () => {
  expect(orderStartOptions(order, 'bridge').workflowIdReusePolicy).toBe('ALLOW_DUPLICATE_FAILED_ONLY');
  expect(orderStartOptions(order, 'reconciler').workflowIdReusePolicy).toBe('ALLOW_DUPLICATE');
  for (const starter of ['bridge', 'reconciler'] as const) {
    const options = orderStartOptions(order, starter);
    expect(options).toMatchObject({
      workflowId: `order-${order.id}`,
      taskQueue: 'orders',
      args: [{ orderId: order.id }],
      workflowIdConflictPolicy: 'USE_EXISTING',
    });
    // Temporal would end the run without a word to anybody.
    expect(Object.keys(options).filter((name) => /timeout/i.test(name))).toEqual([]);
  }
});

test('the Web UI shows the terms, the floor among them', () => {
  const { staticSummary, staticDetails } = orderStartOptions(order, 'bridge');
  expect(staticSummary).toBe('20.00 USD → EUR at <= 0.92');
  expect(staticDetails).toContain('not under 0.874');
  expect(staticDetails).toContain('2027-01-02T00:00:00.000Z');
});

test('a watcher may follow any closed one', () => {
  expect(rateWatchStartOptions('USD-EUR')).toMatchObject({
    workflowId: 'rate-watch-USD-EUR',
    args: [{ pair: 'USD-EUR' }],
    workflowIdReusePolicy: 'ALLOW_DUPLICATE',
    workflowIdConflictPolicy: 'USE_EXISTING',
  });
});

test('only what a later try may heal counts as Temporal being away', () => {
  const grpc = (code: number) => Object.assign(new Error('x'), { code, details: '', metadata: {} });
  expect(isTemporalUnavailable(new Error('wrapped', { cause: grpc(14) }))).toBe(true);
  expect(isTemporalUnavailable(grpc(4))).toBe(true);
  expect(isTemporalUnavailable(grpc(3))).toBe(false);
  expect(isTemporalUnavailable(new TypeError('a bug'))).toBe(false);
  expect(isTemporalUnavailable(null)).toBe(false);
});
