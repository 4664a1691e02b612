import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { connectDatabase } from '../../../src/db/client.ts';
import { applyRecord } from '../../../src/db/records.ts';
import { writeVersion } from '../../support/versions.ts';
import { seenOf, TIMING } from '../db/support.ts';
import {
  type AdminBed,
  anAcceptedOrder,
  aRow,
  atConduit,
  aWatchedOrder,
  makeCreated,
  ORGANISATION,
  openAdminBed,
  rowOf,
  sidesOf,
  stateOf,
} from './support.ts';

jest.setTimeout(30_000);

let bed: AdminBed;
beforeEach(async () => {
  bed = await openAdminBed();
});
afterEach(() => bed.stop());

const SINCE = 'adopt --since 2026-01-01T00:00:00Z';

async function countAttempts(orderId: string) {
  const [row] = await bed.db`
    select count(*)::int as attempts, count(*) filter (where closed_at is null)::int as live,
      count(*) filter (where status = 'succeeded')::int as succeeded from transactions where order_id = ${orderId}`;
  return { ...row };
}

/** Closes the order's live attempt by a fence, as its run does when the quote has expired. */
async function fence(orderId: string) {
  const plan = {
    kind: 'fence',
    to: 'watching',
    attemptTo: 'cancelled',
    reason: 'quote_expired',
    code: null,
    pause: null,
  } as const;
  const done = await applyRecord(bed.db, orderId, await seenOf(bed.db, orderId), plan, TIMING);
  expect(done?.result).toBe('applied');
}

describe('nothing is adopted while rows may move', () => {
  test('without a pause on all, or under one that lifts itself, it says what to run first', async () => {
    await bed.admin('resume --scope all');
    expect(await bed.admin(SINCE)).toMatchObject({
      code: 1,
      err: expect.stringContaining('pause --scope all --reason restore'),
    });
    await bed.db`insert into pauses (scope, reason, automatic, heals_by_probe) values ('all', 'API_KEY_INVALID', true, true)`;
    expect(await bed.admin(SINCE)).toMatchObject({
      code: 1,
      err: expect.stringContaining('lifted by the service itself'),
    });
    expect((await bed.admin(`${SINCE} --dry-run`)).code).toBe(0);
    await bed.admin('pause --scope all --reason restore');
    expect((await bed.admin(SINCE)).code).toBe(0);
  });

  test('beside a worker that is connected it refuses, unless told that it may', async () => {
    const worker = connectDatabase({
      url: process.env['DATABASE_URL'] ?? '',
      applicationName: 'worker',
      maxConnections: 1,
    });
    await worker`select 1`;
    expect(await bed.admin(SINCE)).toMatchObject({
      code: 1,
      err: expect.stringContaining('Connected to this database: worker'),
    });
    expect((await bed.admin(`${SINCE} --while-running`)).code).toBe(0);
    await worker.end({ timeout: 1 });
  });
});

describe('an attempt whose row is lost', () => {
  // What the order is after its run has gone on from the row, and what was rung for a person.
  test.each([
    ['pending', 'watching', []],
    ['claimed', 'executing', ['claimed_without_execute']],
    ['succeeded', 'executed', ['executed_without_execute']],
    ['expired', 'watching attempt_without_effect', []],
    ['cancelled', 'failed cancelled_by_provider', []],
    ['failed', 'watching provider_failed', []],
    ['half_failed', 'failed partial_effect', ['partial_effect']],
  ] as const)('%s at Conduit: is put back, and its order ends up %s', async (state, becomes, pages) => {
    const order = await aWatchedOrder(bed);
    const id = await atConduit(bed, order, 1, state);
    expect(await bed.adopt(`${order.id}:g1`)).toBe('adopted');
    expect(await rowOf(bed, order.id, 1)).toMatchObject({
      conduitOrderId: id,
      organisation: ORGANISATION,
      baseUrl: bed.baseUrl,
    });
    expect(await bed.adopt(`${order.id}:g1`)).toBe('known');

    if (state === 'failed') {
      expect((await bed.advance(order.id)).next).toEqual({ kind: 'sleep', waitingFor: 'look_up' });
      await bed.db`update transactions set end_read_again_at = end_first_read_at + interval '30 seconds'`;
    }
    expect((await bed.advance(order.id)).pages).toEqual(pages);
    expect(await stateOf(bed, order.id)).toBe(becomes);
    expect(await bed.adopt(`${order.id}:g1`)).toBe('known');
    expect(await countAttempts(order.id)).toMatchObject({ attempts: 1, succeeded: state === 'succeeded' ? 1 : 0 });
  });

  test('comes back with the amounts that Conduit holds, and with an event of the operator', async () => {
    const order = await aWatchedOrder(bed);
    const id = await atConduit(bed, order, 1, 'succeeded');
    await bed.adopt(`${order.id}:g1`);
    await bed.advance(order.id);
    const { body } = await bed.api.get(id);
    const row = await rowOf(bed, order.id, 1);
    expect(row).toMatchObject({
      lockFault: null,
      settledRecipient: row.lockedRecipient,
      settledDebit: row.lockedDebit,
    });
    expect(Number(row.lockedRecipient)).toBe(Number(body.destinationAsset.amount));
    const events =
      await bed.db`select event, actor, attempt, detail from order_events where order_id = ${order.id} order by number`;
    expect(events.slice(-2)).toMatchObject([
      { event: 'attempt_adopted', actor: 'operator', attempt: 1, detail: { as: 'live', conduit_order: id } },
      { event: 'executed' },
    ]);
  });

  test.each(['accepted', 'watching'])(
    'of an order that is %s and overdue ends executed, not expired',
    async (status) => {
      const order = status === 'accepted' ? await anAcceptedOrder(bed) : await aWatchedOrder(bed);
      await atConduit(bed, order, 1, 'succeeded');
      await bed.db`
      update orders set created_at = created_at - interval '2 days', expires_at = app_now() - interval '1 hour' where order_id = ${order.id}`;
      expect(await bed.adopt(`${order.id}:g1`)).toBe('adopted');
      await bed.advance(order.id);
      expect(await stateOf(bed, order.id)).toBe('executed');
    },
  );

  test('of an order that has ended is closed at once, and rings when money moves under it', async () => {
    const order = await aWatchedOrder(bed);
    await atConduit(bed, order, 1, 'claimed');
    const expire = { kind: 'fail', reason: 'cancel_requested', code: null } as const;
    await applyRecord(bed.db, order.id, await seenOf(bed.db, order.id), expire, TIMING);
    expect(await bed.adopt(`${order.id}:g1`)).toBe('orphan');
    expect(await rowOf(bed, order.id, 1)).toMatchObject({
      status: 'cancelled',
      closedBy: 'fence',
      orphanClosedAt: null,
    });
    expect(await bed.adopt(`${order.id}:g1`)).toBe('known');
    expect(await bed.followOrphans()).toEqual(['orphan_executed']);
    expect(await stateOf(bed, order.id)).toBe('failed cancel_requested');
  });

  test('whose reading cannot be had after it was put back is safe meanwhile, and the next run completes it', async () => {
    const order = await aWatchedOrder(bed);
    await atConduit(bed, order, 1, 'succeeded');
    await bed.simulator.armFault({ match: { operation: 'orders.get', times: 1 }, action: { drop: 'before' } });
    expect(await bed.admin(SINCE)).toMatchObject({
      code: 1,
      out: expect.stringContaining(`! unread     ${order.id}:g1`),
    });
    // Neither a fence nor an expiry may end it: it was claimed.
    await expect(fence(order.id)).rejects.toThrow();
    expect(await bed.adopt(`${order.id}:g1`)).toBe('stored');
    await bed.advance(order.id);
    expect(await stateOf(bed, order.id)).toBe('executed');
  });
});

test('what may not be executed, or cannot be read as an amount, is put back all the same: money may have moved', async () => {
  const [auto, odd] = [await aWatchedOrder(bed), await aWatchedOrder(bed)];
  await bed.simulator.setKnobs({ settlementHeld: true });
  await bed.api.create({ reference: `${auto.id}:g1`, extra: { ...sidesOf(auto), autoExecute: true } });
  expect(await bed.adopt(`${auto.id}:g1`)).toBe('adopted');
  expect(await rowOf(bed, auto.id, 1)).toMatchObject({ lockFault: 'auto_execute', observed: 'claimed' });
  expect((await bed.advance(auto.id)).pages).toEqual(['claimed_without_execute']);

  await atConduit(bed, odd, 1, 'claimed');
  const action = { patch: { '/data/0/totalDebit/amount': 'much' } };
  await bed.simulator.armFault({ match: { operation: 'orders.list', reference: `${odd.id}:g1` }, action });
  expect(await bed.adopt(`${odd.id}:g1`)).toBe('adopted');
  expect(await rowOf(bed, odd.id, 1)).toMatchObject({ lockFault: 'unreadable', quotedDebit: '20.00' });
  await bed.advance(odd.id);
  expect(await stateOf(bed, odd.id)).toBe('executing');
});

test('an item that cannot be read as an order may be one of ours: a person must look', async () => {
  const order = await aWatchedOrder(bed);
  await atConduit(bed, order, 1, 'pending');
  await bed.simulator.armFault({ match: { operation: 'orders.list' }, action: { patch: { '/data/0/status': 'odd' } } });
  expect(await bed.admin(SINCE)).toMatchObject({
    code: 1,
    err: expect.stringContaining('1 that could not be read as orders'),
  });
});

describe('several attempts of one order', () => {
  test('all lost: the youngest is live, the older ones are followed as orphans', async () => {
    const order = await aWatchedOrder(bed);
    await atConduit(bed, order, 1, 'cancelled');
    const second = await atConduit(bed, order, 2, 'pending');
    await atConduit(bed, order, 3, 'succeeded');
    const { code, out } = await bed.admin(SINCE);
    expect(code).toBe(0);
    expect(out).toMatch(new RegExp(`adopted +${order.id}:g3[^]*orphan +${order.id}:g2[^]*orphan +${order.id}:g1`));
    expect(await countAttempts(order.id)).toEqual({ attempts: 3, live: 1, succeeded: 0 });
    await bed.advance(order.id);
    expect(await bed.followOrphans()).toEqual([]);
    expect(await stateOf(bed, order.id)).toBe('executed');
    expect((await bed.api.get(second)).body.status).toBe('cancelled');
  });

  test.each(['cancelled', 'pending', 'failed'] as const)(
    'the first %s at Conduit and live in its row, the second lost: the first is closed, the second lives',
    async (state) => {
      const order = await aWatchedOrder(bed);
      const first = await atConduit(bed, order, 1, state);
      await aRow(bed, order, 1);
      await makeCreated(bed, order.id, 1, first);
      await atConduit(bed, order, 2, 'succeeded');
      expect(await bed.adopt(`${order.id}:g2`)).toBe('adopted');
      expect((await rowOf(bed, order.id, 1)).closedBy).toBe(state === 'pending' ? 'fence' : 'reading');
      await bed.advance(order.id);
      expect(await bed.followOrphans()).toEqual([]);
      expect(await stateOf(bed, order.id)).toBe('executed');
      // The cancel of a moment ago is news once more.
      await bed.admin(SINCE);
      expect((await bed.admin(SINCE)).out).toMatch(/: 2 known/);
    },
  );

  test('the first executing in its row and cancelled at Conduit, the second lost: the order waits for the second', async () => {
    const order = await aWatchedOrder(bed);
    const first = await atConduit(bed, order, 1, 'cancelled');
    await aRow(bed, order, 1);
    await makeCreated(bed, order.id, 1, first);
    await bed.db`update transactions set status = 'executing', version = version + 1 where order_id = ${order.id}`;
    await writeVersion(bed.db, { set: bed.db`status = 'executing'`, where: bed.db`order_id = ${order.id}` });
    await atConduit(bed, order, 2, 'pending');
    expect(await bed.adopt(`${order.id}:g2`)).toBe('adopted');
    await bed.advance(order.id);
    expect(await rowOf(bed, order.id, 2)).toMatchObject({ status: 'created' });
    expect(await stateOf(bed, order.id)).toBe('watching');
  });

  test('the first executing and claimed, the second lost: never two live ones, and the second is cancelled', async () => {
    const order = await aWatchedOrder(bed);
    const first = await atConduit(bed, order, 1, 'claimed');
    await aRow(bed, order, 1);
    await makeCreated(bed, order.id, 1, first);
    const second = await atConduit(bed, order, 2, 'pending');
    expect(await bed.adopt(`${order.id}:g2`)).toBe('orphan');
    expect(await countAttempts(order.id)).toEqual({ attempts: 2, live: 1, succeeded: 0 });
    expect(await bed.followOrphans()).toEqual([]);
    expect((await bed.api.get(second)).body.status).toBe('cancelled');
    await bed.advance(order.id);
    expect(await stateOf(bed, order.id)).toBe('executing');
  });

  test('both claimed: the second rings, and nothing is closed in silence', async () => {
    const order = await aWatchedOrder(bed);
    const first = await atConduit(bed, order, 1, 'claimed');
    await aRow(bed, order, 1);
    await makeCreated(bed, order.id, 1, first);
    await atConduit(bed, order, 2, 'succeeded');
    expect(await bed.adopt(`${order.id}:g2`)).toBe('orphan');
    expect(await bed.followOrphans()).toEqual(['orphan_executed']);
  });
});

describe('an attempt whose row is there', () => {
  test('without its id gets the reading', async () => {
    const order = await aWatchedOrder(bed);
    const id = await atConduit(bed, order, 1, 'succeeded');
    await aRow(bed, order, 1);
    expect(await bed.adopt(`${order.id}:g1`, ' --dry-run')).toBe('newer');
    expect((await rowOf(bed, order.id, 1)).conduitOrderId).toBeNull();
    expect(await bed.adopt(`${order.id}:g1`)).toBe('stored');
    expect(await rowOf(bed, order.id, 1)).toMatchObject({ conduitOrderId: id, endKind: 'succeeded' });
    expect(await bed.adopt(`${order.id}:g1`)).toBe('known');
  });

  test('and was executed after the restore point is not taken for unclaimed, however old its order at Conduit', async () => {
    const order = await aWatchedOrder(bed);
    const id = await atConduit(bed, order, 1, 'succeeded');
    await aRow(bed, order, 1);
    await makeCreated(bed, order.id, 1, id);
    await bed.db`update transactions set lock_expires_at = app_now() - interval '1 hour' where order_id = ${order.id}`;
    const since = new Date().toISOString();
    const { out } = await bed.admin(`adopt --since ${since}`);
    expect(out).toContain(`stored     ${order.id}:g1`);
    // Its run would have closed it as expired, and tried again.
    await bed.advance(order.id);
    expect(await stateOf(bed, order.id)).toBe('executed');
  });

  test('closed by a fence and executed all the same is followed again', async () => {
    const order = await aWatchedOrder(bed);
    const id = await atConduit(bed, order, 1, 'pending');
    await aRow(bed, order, 1);
    await makeCreated(bed, order.id, 1, id);
    await fence(order.id);
    await bed.db`update transactions set orphan_closed_at = app_now() where order_id = ${order.id}`;
    expect(await bed.adopt(`${order.id}:g1`)).toBe('known');
    await bed.api.execute(id);
    expect(await bed.adopt(`${order.id}:g1`)).toBe('stored');
    expect((await rowOf(bed, order.id, 1)).orphanClosedAt).toBeNull();
    expect(await bed.followOrphans()).toEqual(['orphan_executed']);
    expect(await stateOf(bed, order.id)).toBe('failed orphan_executed');
  });

  test('and has another order at Conduit than the list shows under its reference is left to a person', async () => {
    const order = await aWatchedOrder(bed);
    await atConduit(bed, order, 1, 'succeeded');
    await aRow(bed, order, 1);
    await makeCreated(bed, order.id, 1, 'ord_another');
    expect(await bed.adopt(`${order.id}:g1`)).toBe('ambiguous');
    expect(await rowOf(bed, order.id, 1)).toMatchObject({ conduitOrderId: 'ord_another', observed: 'pending' });
  });

  test('of another organisation is left to a person', async () => {
    const order = await aWatchedOrder(bed);
    await atConduit(bed, order, 1, 'succeeded');
    await aRow(bed, order, 1, 'other');
    const { code, out, err } = await bed.admin(SINCE);
    expect({ code, out, err }).toMatchObject({
      code: 1,
      out: expect.stringContaining(`! elsewhere  ${order.id}:g1`),
      err: expect.stringContaining('Nothing may be resumed yet'),
    });
    expect((await rowOf(bed, order.id, 1)).conduitOrderId).toBeNull();
  });
});

test('orders of others and of no order here are listed and left alone', async () => {
  const stranger = randomUUID();
  const order = await aWatchedOrder(bed);
  await bed.api.create({ reference: `${stranger}:g1` });
  await bed.api.create({ reference: 'invoice-17' });
  await bed.api.create({ reference: `${order.id}:g01` });
  await bed.api.create({ reference: `${order.id}:g0` });
  const { code, out } = await bed.admin(SINCE);
  expect(code).toBe(0);
  expect(out).toMatch(new RegExp(`no order +${stranger}:g1 .* not ours, left alone`));
  for (const reference of ['invoice-17', `${order.id}:g01`, `${order.id}:g0`])
    expect(out).toMatch(new RegExp(`not ours +${reference} .* left alone`));
  expect(out).toMatch(/3 not ours, 1 no order\./);
  expect(await countAttempts(order.id)).toMatchObject({ attempts: 0 });
});

test('two orders under one reference store nothing, whether the row is there or lost', async () => {
  const [lost, there] = [await aWatchedOrder(bed), await aWatchedOrder(bed)];
  await atConduit(bed, lost, 1, 'pending');
  await atConduit(bed, there, 1, 'pending');
  await aRow(bed, there, 1);
  await bed.simulator.armFault({ match: { operation: 'orders.list', times: 1 }, action: { lookup: { twins: true } } });
  const ran = await bed.admin(SINCE);
  expect(ran).toMatchObject({ code: 1, err: expect.stringContaining('Nothing may be resumed yet') });
  for (const { id } of [lost, there])
    expect(ran.out).toMatch(new RegExp(`! ambiguous +${id}:g1 .*, .* a person must look`));
  expect((await rowOf(bed, there.id, 1)).conduitOrderId).toBeNull();
  expect(await countAttempts(lost.id)).toMatchObject({ attempts: 0 });
});

test('a twin that is seen only when the reference is asked for stops the adoption of that attempt, and its elder stays closed', async () => {
  const order = await aWatchedOrder(bed);
  await atConduit(bed, order, 1, 'pending');
  await atConduit(bed, order, 2, 'claimed');
  await bed.simulator.armFault({
    match: { operation: 'orders.list', reference: `${order.id}:g2`, times: 1 },
    action: { lookup: { twins: true } },
  });
  const ran = await bed.admin(SINCE);
  expect(ran.out).toContain(`! ambiguous  ${order.id}:g2`);
  expect(await rowOf(bed, order.id, 1)).toMatchObject({ closedBy: 'fence' });
  expect(await countAttempts(order.id)).toEqual({ attempts: 1, live: 0, succeeded: 0 });
});

test('a dry run shows and changes nothing', async () => {
  const order = await aWatchedOrder(bed);
  await atConduit(bed, order, 1, 'succeeded');
  const { code, out } = await bed.admin(`${SINCE} --dry-run`);
  expect(code).toBe(0);
  expect(out).toMatch(new RegExp(`lost +${order.id}:g1 .* succeeded[^]*Nothing was stored`));
  expect(await countAttempts(order.id)).toMatchObject({ attempts: 0 });
});

test('one attempt that cannot be read is told and leaves the others; three in a row are the end', async () => {
  const claimThree = async () => {
    for (let count = 0; count < 3; count += 1) {
      const order = await aWatchedOrder(bed);
      const id = await atConduit(bed, order, 1, 'claimed');
      await aRow(bed, order, 1);
      await makeCreated(bed, order.id, 1, id);
    }
  };
  await claimThree();
  const dropped = { match: { operation: 'orders.get' as const, times: 1 }, action: { drop: 'before' as const } };
  await bed.simulator.armFault(dropped);
  const first = await bed.admin(SINCE);
  expect(first).toMatchObject({ code: 1, err: expect.stringContaining('Nothing may be resumed yet') });
  expect(first.out).toMatch(/1 unread, 2 stored\./);
  expect((await bed.admin(SINCE)).out).toMatch(/1 stored, 2 known\.|2 known, 1 stored\./);

  await claimThree();
  await bed.simulator.armFault({ ...dropped, match: { ...dropped.match, times: 3 } });
  const away = await bed.admin(SINCE);
  expect(away).toMatchObject({ code: 1, err: expect.stringContaining('Conduit could not be read') });
  expect(away.out.split('\n')).toHaveLength(2);
});

test('all pages are read, a 429 is waited out, and what is to do next is said', async () => {
  const order = await aWatchedOrder(bed);
  await atConduit(bed, order, 1, 'succeeded');
  for (let count = 0; count < 100; count += 1) await bed.api.create({ reference: `other-${count}` });
  await bed.simulator.armFault({
    match: { operation: 'orders.list' },
    action: { rateLimited: { retryAfterSeconds: 1 } },
  });
  const { code, out, err } = await bed.admin(SINCE);
  expect({ code, err }).toEqual({ code: 0, err: 'Conduit asks for patience: waiting 1 s.' });
  expect(out).toMatch(/Read 2 pages: 100 not ours, 1 adopted\.\nNext: .* resume --scope all$/);
});

test('a Conduit that does not answer, or asks for too much patience, is a clear end', async () => {
  await bed.simulator.armFault({ match: { operation: 'orders.list' }, action: { drop: 'before' } });
  expect(await bed.admin(SINCE)).toMatchObject({ code: 1, err: expect.stringContaining('Conduit could not be read') });
  await bed.simulator.armFault({
    match: { operation: 'orders.list' },
    action: { rateLimited: { retryAfterSeconds: 600 } },
  });
  expect(await bed.admin(SINCE)).toMatchObject({ code: 1, err: expect.stringContaining('left alone for 600 s more') });
});

describe('adopt --order', () => {
  const named = (orderId: string, id: string, attempt = 1) =>
    bed.admin(`adopt --order ${orderId} --attempt ${attempt} --conduit-order ${id}`);

  test('tells an attempt with an ambiguous reference which order counts', async () => {
    const order = await aWatchedOrder(bed);
    const id = await atConduit(bed, order, 1, 'claimed');
    await aRow(bed, order, 1);
    await bed.db`update transactions set lookup_result = 'ambiguous', lookup_begun_at = app_now() where order_id = ${order.id}`;
    expect(await named(order.id, id)).toMatchObject({ code: 0, out: expect.stringContaining('stored') });
    expect(await named(order.id, id)).toMatchObject({ code: 0, out: expect.stringContaining('known') });
    expect(await rowOf(bed, order.id, 1)).toMatchObject({
      conduitOrderId: id,
      observed: 'claimed',
      lookupResult: 'claimed',
    });
    await bed.advance(order.id);
    expect(await stateOf(bed, order.id)).toBe('executing');
  });

  test('refuses what is not exactly that attempt’s order, and changes nothing', async () => {
    const [order, other] = [await aWatchedOrder(bed), await aWatchedOrder(bed)];
    const id = await atConduit(bed, order, 1, 'pending');
    const others = await atConduit(bed, other, 1, 'pending');
    expect(await named(randomUUID(), id)).toMatchObject({ code: 1, err: expect.stringContaining('There is no order') });
    expect(await named(order.id, id)).toMatchObject({ code: 1, err: expect.stringContaining('adopt --since') });
    await aRow(bed, order, 1);
    expect(await named(order.id, others)).toMatchObject({
      code: 1,
      err: expect.stringContaining(`reference ${other.id}:g1, not`),
    });
    expect(await named(order.id, 'ord_0123456789abcdefghijkl')).toMatchObject({
      code: 1,
      err: expect.stringContaining('has no order'),
    });
    await aRow(bed, other, 1, 'other');
    expect(await named(other.id, others)).toMatchObject({ code: 1, err: expect.stringContaining('belongs to other') });
    expect((await rowOf(bed, order.id, 1)).conduitOrderId).toBeNull();
    await makeCreated(bed, order.id, 1, 'ord_another');
    expect(await named(order.id, id)).toMatchObject({
      code: 1,
      err: expect.stringContaining('already has the order ord_another'),
    });
  });
});
