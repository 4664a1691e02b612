import { expect, test } from '@jest/globals';
import type { AttemptRow } from '../../../src/db/attempts.ts';
import type { OrderStatus } from '../../../src/domain/order.ts';
import type { ProviderOrder } from '../../../src/domain/provider-order.ts';
import { standingOf } from '../../../src/main/admin/provider-ledger.ts';

const amount = (currency: string, text: string) => ({ currency, network: 'ethereum', amount: text });

const theirs = (over: Partial<ProviderOrder>) =>
  ({
    id: 'ord_1',
    status: 'pending',
    isClaimed: false,
    totalDebit: amount('USDT', '20.000000'),
    destination: amount('USDC', '18.460000'),
    ...over,
  }) as ProviderOrder;

const row = (over: Partial<AttemptRow>) =>
  ({
    status: 'created',
    conduitOrderId: 'ord_1',
    settledDebit: null,
    settledRecipient: null,
    orphanUntil: null,
    orphanClosedAt: null,
    ...over,
  }) as AttemptRow;

const SETTLED = { status: 'succeeded', settledDebit: '20', settledRecipient: '18.46' } as const;
const ORPHAN = { status: 'cancelled', orphanUntil: 1 } as const;

test.each<[string, OrderStatus, Partial<AttemptRow>, Partial<ProviderOrder>, string | RegExp]>([
  ['executed on both sides, in other zeros', 'executed', SETTLED, { status: 'succeeded' }, 'agrees'],
  [
    'other amounts',
    'executed',
    { ...SETTLED, settledRecipient: '18.459999' },
    { status: 'succeeded' },
    /moved 20.000000 for 18.460000.*18.459999/,
  ],
  [
    'amounts that were never stored',
    'executed',
    { ...SETTLED, settledDebit: null },
    { status: 'succeeded' },
    /nothing for/,
  ],
  ['money under a closed attempt', 'cancelled', ORPHAN, { status: 'succeeded' }, /has succeeded, .* cancelled/],
  [
    'a success that our order does not know',
    'executing',
    { status: 'executing' },
    { status: 'succeeded' },
    /has succeeded/,
  ],
  [
    'our success is theirs to deny',
    'executed',
    SETTLED,
    { status: 'failed' },
    /is failed, and our attempt has succeeded/,
  ],
  [
    'our success is only claimed there',
    'executed',
    SETTLED,
    { isClaimed: true },
    /is claimed, and our attempt has succeeded/,
  ],
  ['claimed and executing', 'executing', { status: 'executing' }, { isClaimed: true }, 'agrees'],
  ['claimed and not noticed', 'watching', {}, { isClaimed: true }, /is claimed, and our attempt is created/],
  [
    'claimed under a closed attempt',
    'expired',
    ORPHAN,
    { isClaimed: true },
    /is claimed, and our attempt is cancelled/,
  ],
  ['pending and created', 'watching', {}, {}, 'agrees'],
  [
    'pending, and the reply to its create is missing',
    'watching',
    { status: 'prepared', conduitOrderId: null },
    {},
    /does not know its id/,
  ],
  ['pending and followed', 'expired', ORPHAN, {}, 'orphan'],
  ['pending and followed by nobody', 'expired', { status: 'cancelled' }, {}, /nobody follows it/],
  ['pending, and no longer followed', 'expired', { ...ORPHAN, orphanClosedAt: 2 }, {}, /nobody follows it/],
  [
    'ended there and live here',
    'watching',
    {},
    { status: 'cancelled' },
    /is cancelled, and our attempt is still created/,
  ],
  ['ended on both sides', 'expired', ORPHAN, { status: 'cancelled' }, 'agrees'],
  ['failed on both sides', 'failed', { status: 'failed' }, { status: 'failed' }, 'agrees'],
  ['another order than our row knows', 'watching', { conduitOrderId: 'ord_2' }, {}, /our row knows it as ord_2/],
])('%s', (_name, order, ours, conduit, expected) => {
  const standing = standingOf(order, row(ours), theirs(conduit));
  if (typeof expected === 'string') expect(standing).toEqual({ kind: expected });
  else expect(standing).toEqual({ kind: 'disagrees', what: expect.stringMatching(expected) });
});
