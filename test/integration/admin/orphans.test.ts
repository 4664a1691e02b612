import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { applyRecord } from '../../../src/db/records.ts';
import { seenOf, TIMING } from '../db/support.ts';
import { type AdminBed, aRow, aWatchedOrder, makeCreated, ORGANISATION, openAdminBed, rowOf } from './support.ts';

jest.setTimeout(30_000);

let bed: AdminBed;
beforeAll(async () => {
  bed = await openAdminBed();
});
afterAll(() => bed.stop());

/** An order with one closed attempt that may have left something at Conduit. */
async function anOrphan(organisation: string, to: 'watching' | 'failed' = 'watching') {
  const order = await aWatchedOrder(bed);
  const id = `ord_${randomUUID().replaceAll('-', '')}`;
  await aRow(bed, order, 1, organisation);
  await makeCreated(bed, order.id, 1, id);
  const plan = { kind: 'fence', to, attemptTo: 'cancelled', reason: 'quote_expired', code: null, pause: null } as const;
  await applyRecord(bed.db, order.id, await seenOf(bed.db, order.id), plan, TIMING);
  return { orderId: order.id, id };
}

const close = (orderId: string, more = '') =>
  bed.admin(`orphan close --order ${orderId} --attempt 1 --reason "their account is gone"${more}`);

test('open orphans are listed with where they are, since when, and what was read', async () => {
  const { orderId, id } = await anOrphan('gone');
  const { out } = await bed.admin('orphan list');
  const line = out.split('\n').find((text) => text.includes(orderId)) ?? '';
  expect(line).toContain(`attempt 1  gone at ${bed.baseUrl}  ${id}  since 20`);
  expect(line).toContain('read: pending, newest: never looked up');
});

test('one of another organisation is closed for good: not listed, not due, not audited; who and why are in an event', async () => {
  const { orderId } = await anOrphan('gone');
  expect(await close(orderId)).toMatchObject({ code: 0, err: '' });
  expect((await bed.admin('orphan list')).out).not.toContain(orderId);
  const [row] = await bed.db`
    select orphan_closed_at, orphan_audited_at from transactions where order_id = ${orderId}`;
  expect(row).toEqual({ orphanClosedAt: expect.any(Number), orphanAuditedAt: expect.any(Number) });
  const [event] = await bed.db`
    select actor, detail from order_events where order_id = ${orderId} order by number desc limit 1`;
  expect(event).toMatchObject({
    actor: 'operator',
    detail: { reason: 'their account is gone', by: expect.any(String) },
  });
  expect(await close(orderId)).toMatchObject({ code: 0, out: expect.stringContaining('nothing was changed') });
});

test('one whose order has ended is closed as well; that nothing keeps who and why is said', async () => {
  const { orderId } = await anOrphan('gone', 'failed');
  const closed = await close(orderId);
  expect(closed).toMatchObject({ code: 0, err: expect.stringContaining('keep the line above') });
  expect(closed.out).toContain('their account is gone');
  expect((await rowOf(bed, orderId, 1)).orphanClosedAt).not.toBeNull();
});

test('one that can be asked for is not closed by hand, unless forced, and keeps its audit then', async () => {
  const { orderId } = await anOrphan(ORGANISATION);
  expect(await close(orderId)).toMatchObject({ code: 1, err: expect.stringContaining('--force') });
  expect((await rowOf(bed, orderId, 1)).orphanClosedAt).toBeNull();
  expect((await close(orderId, ' --force')).code).toBe(0);
  const [row] = await bed.db`
    select orphan_closed_at, orphan_audited_at from transactions where order_id = ${orderId}`;
  expect(row).toEqual({ orphanClosedAt: expect.any(Number), orphanAuditedAt: null });
});

test('an attempt that is not there, or is no orphan, is told apart', async () => {
  expect(await close(randomUUID())).toMatchObject({ code: 1, err: expect.stringContaining('There is no attempt 1') });
  const order = await aWatchedOrder(bed);
  await aRow(bed, order, 1, 'gone');
  expect(await close(order.id)).toMatchObject({ code: 0, out: expect.stringContaining('No orphan is open') });
});

test('pauses are listed with their scope, age, author and reason', async () => {
  await bed.db`insert into pauses (scope, reason, automatic, heals_by_probe) values ('account:wlt_1', 'ACCOUNT_X', true, true)`;
  const { out } = await bed.admin('pause list');
  expect(out).toMatch(/^all {2}since 20.*set by a person, until `resume`: restore$/m);
  expect(out).toMatch(/^account:wlt_1 {2}since 20.*set by the service, until a call succeeds: ACCOUNT_X$/m);
  await bed.admin('resume --scope account:wlt_1');
  await bed.admin('resume --scope all');
  expect(await bed.admin('pause list')).toMatchObject({ out: '', err: 'Nothing is paused.' });
});
