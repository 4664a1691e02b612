import type { Attempt, Column, Send } from '../../src/domain/attempt.ts';
import type { Instant, Order } from '../../src/domain/order.ts';
import type { Situation } from '../../src/domain/plan.ts';
import type { Timing } from '../../src/domain/timing.ts';

/** The moment at which every built situation is judged. */
export const NOW: Instant = Date.UTC(2026, 0, 15, 12);

export function seconds(count: number): number {
  return count * 1000;
}

/** The protocol's waits at their defaults, unscaled. */
export const TIMING: Timing = {
  sendMarginMs: seconds(15),
  quoteMarginMs: seconds(30),
  resendWindowMs: seconds(240),
  retryBaseMs: seconds(60),
  orphanWatchMs: seconds(900),
  permitTtlMs: seconds(2),
  secondMs: seconds(1),
};

/** A watching order of 20.00 USDT at 0.92 or better, an hour before its expiry. */
export function anOrder(over: Partial<Order> = {}): Order {
  return {
    id: '0b1c2d3e-4f50-4a61-8b72-93a4b5c6d7e8',
    pair: 'USDT.ethereum-USDC.ethereum',
    status: 'watching',
    version: 3,
    amount: '20',
    targetRate: '0.92',
    direction: '>=',
    floorRate: null,
    expiresAt: NOW + seconds(3600),
    cancelRefusedAt: null,
    lookDueAt: NOW + seconds(86_400),
    reason: null,
    providerCode: null,
    ...over,
  };
}

/** A prepared attempt whose quote just meets the order of {@link anOrder}; nothing was sent yet. */
export function anAttempt(over: Partial<Attempt> = {}): Attempt {
  return {
    number: 1,
    version: 1,
    status: 'prepared',
    optionExpiresAt: NOW + seconds(290),
    quoted: { debit: '20.000000', recipient: '18.400000', destinationFee: '0' },
    conduitOrderId: null,
    locked: null,
    lockFault: null,
    lockExpiresAt: null,
    observed: null,
    end: null,
    lookup: null,
    nextLookupAt: null,
    sends: [],
    ...over,
  };
}

let lastSendId = 0;

/** A create that left ten seconds ago and has no reply. */
export function aSend(over: Partial<Send> = {}): Send {
  lastSendId += 1;
  return {
    id: String(lastSendId),
    operation: 'create',
    keyNumber: 1,
    permittedAt: NOW - seconds(10),
    outcome: null,
    code: null,
    repliedAt: null,
    retryAt: null,
    ...over,
  };
}

/** Nothing in the way: no pause, both accounts active, the gate open, no look asked for. */
export function aSituation(over: Partial<Situation> = {}): Situation {
  return {
    order: anOrder(),
    attempt: null,
    isPaused: false,
    isMovingElsewhere: false,
    areAccountsActive: true,
    gateClosedUntil: null,
    isLookWanted: false,
    ...over,
  };
}

export const COLUMNS: readonly Column[] = ['prepared', 'unknown_create', 'created', 'executing', 'unknown_execute'];

/** What every attempt has whose order at Conduit we know: a lock of two hours at the quoted amounts, read as unclaimed. */
const KNOWN = {
  conduitOrderId: 'ord_1',
  locked: { debit: '20.000000', recipient: '18.400000', destinationFee: '0' },
  lockExpiresAt: NOW + seconds(7200),
  observed: 'pending',
} as const;

const ACCEPTED = { outcome: 'accepted', permittedAt: NOW - seconds(100), repliedAt: NOW - seconds(99) } as const;

/**
 * An attempt in a column of the transfer table, as it is half a minute after its last send: nothing was looked up yet, and the next
 * look-up is 20 s away.
 */
export function attemptIn(column: Column, over: Partial<Attempt> = {}): Attempt {
  const unresolved = { permittedAt: NOW - seconds(30) };
  const create = aSend(ACCEPTED);
  const states: Record<Column, Partial<Attempt>> = {
    prepared: {},
    unknown_create: { sends: [aSend(unresolved)] },
    created: { ...KNOWN, status: 'created', sends: [create] },
    executing: {
      ...KNOWN,
      status: 'executing',
      observed: 'claimed',
      sends: [
        create,
        aSend({ ...unresolved, operation: 'execute', outcome: 'accepted', repliedAt: NOW - seconds(29) }),
      ],
    },
    unknown_execute: { ...KNOWN, status: 'executing', sends: [create, aSend({ ...unresolved, operation: 'execute' })] },
  };
  return anAttempt({ nextLookupAt: NOW + seconds(20), ...states[column], ...over });
}

/** The order as it stands while its attempt is in a column. */
export function orderIn(column: Column, over: Partial<Order> = {}): Order {
  const isExecuting = column === 'executing' || column === 'unknown_execute';
  return anOrder({ status: isExecuting ? 'executing' : 'watching', ...over });
}
