import { describe, expect, test } from '@jest/globals';
import { decide } from '../../../src/domain/decide.ts';
import type { Order, OrderStatus } from '../../../src/domain/order.ts';
import type { Situation } from '../../../src/domain/plan.ts';
import { anOrder, aSituation, attemptIn, NOW, seconds, TIMING } from '../../support/builders.ts';

function plan(order: Partial<Order>, around: Partial<Situation> = {}) {
  return decide(aSituation({ order: anOrder(order), ...around }), NOW, TIMING);
}

test.each<OrderStatus>(['executed', 'cancelled', 'expired', 'failed'])(
  'an order that is %s is done, whatever lies around',
  (status) => {
    expect(plan({ status })).toEqual({ kind: 'done' });
    const attempt = attemptIn('unknown_execute', { observed: 'claimed' });
    expect(plan({ status, expiresAt: NOW - 1 }, { attempt, isLookWanted: true })).toEqual({ kind: 'done' });
  },
);

describe('accepted', () => {
  test('begins to watch', () => {
    expect(plan({ status: 'accepted' })).toEqual({ kind: 'record', record: { kind: 'watch' } });
    expect(plan({ status: 'accepted', expiresAt: NOW + 1 })).toEqual({ kind: 'record', record: { kind: 'watch' } });
  });

  test('expires when nobody got to it in time', () => {
    expect(plan({ status: 'accepted', expiresAt: NOW })).toEqual({ kind: 'record', record: { kind: 'expire' } });
  });
});

describe('watching without an attempt', () => {
  test('sleeps until its own look is due', () => {
    const lookDueAt = NOW + seconds(600);
    expect(plan({ lookDueAt })).toEqual({ kind: 'sleep', until: lookDueAt, waitingFor: 'rate' });
  });

  test('looks when its trigger was crossed, and when its own look is due', () => {
    expect(plan({}, { isLookWanted: true })).toEqual({ kind: 'look', isOwn: false });
    expect(plan({ lookDueAt: NOW })).toEqual({ kind: 'look', isOwn: true });
    expect(plan({ lookDueAt: NOW + 1 })).toMatchObject({ kind: 'sleep' });
  });

  test('sleeps no longer than to its fence', () => {
    const expiresAt = NOW + seconds(100);
    expect(plan({ expiresAt })).toEqual({ kind: 'sleep', until: NOW + seconds(85), waitingFor: 'rate' });
  });

  test('looks no more from the fence on: it waits for its expiry', () => {
    const fenced = { kind: 'sleep', until: NOW + seconds(15), waitingFor: 'expiry' };
    expect(plan({ expiresAt: NOW + seconds(15) }, { isLookWanted: true })).toEqual(fenced);
    expect(plan({ expiresAt: NOW + seconds(15) + 1 }, { isLookWanted: true })).toEqual({ kind: 'look', isOwn: false });
  });

  test('expires at expires_at, not before', () => {
    expect(plan({ expiresAt: NOW }, { isLookWanted: true })).toEqual({ kind: 'record', record: { kind: 'expire' } });
    expect(plan({ expiresAt: NOW + 1 })).toEqual({ kind: 'sleep', until: NOW + 1, waitingFor: 'expiry' });
  });

  test('a refused cancel ends it', () => {
    const failed = { kind: 'record', record: { kind: 'fail', reason: 'cancel_requested', code: null } };
    expect(plan({ cancelRefusedAt: NOW - 1 }, { isLookWanted: true })).toEqual(failed);
    expect(plan({ cancelRefusedAt: NOW - 1, expiresAt: NOW + seconds(5) })).toEqual(failed);
  });

  test('waits for a closed gate, but not beyond its fence', () => {
    const gateClosedUntil = NOW + seconds(40);
    const wanted = { isLookWanted: true, gateClosedUntil };
    expect(plan({}, wanted)).toEqual({ kind: 'sleep', until: gateClosedUntil, waitingFor: 'gate' });
    expect(plan({ expiresAt: NOW + seconds(20) }, wanted)).toEqual({
      kind: 'sleep',
      until: NOW + seconds(5),
      waitingFor: 'gate',
    });
    expect(plan({}, { isLookWanted: true, gateClosedUntil: NOW })).toEqual({ kind: 'look', isOwn: false });
    // Nothing to ask for: the gate does not matter.
    expect(plan({}, { gateClosedUntil })).toMatchObject({ waitingFor: 'rate' });
  });

  test('a pause does not keep it from looking: the look itself says "paused" and backs off', () => {
    expect(plan({}, { isLookWanted: true, isPaused: true })).toEqual({ kind: 'look', isOwn: false });
  });
});

test('while money was seen to move under a closed attempt it waits for the alarm, over its expiry and a refused cancel', () => {
  for (const order of [{}, { expiresAt: NOW - 1 }, { cancelRefusedAt: NOW - 1 }])
    expect(plan(order, { isPaused: true, isMovingElsewhere: true, isLookWanted: true })).toEqual({
      kind: 'sleep',
      until: NOW + seconds(30),
      waitingFor: 'alarm',
    });
});

test('a refused cancel ends it, also beyond its expiry', () => {
  for (const order of [{ cancelRefusedAt: NOW - 1 }, { cancelRefusedAt: NOW - 1, expiresAt: NOW - 1 }])
    expect(plan(order)).toEqual({ kind: 'record', record: { kind: 'fail', reason: 'cancel_requested', code: null } });
});
