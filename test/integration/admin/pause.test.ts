import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect, jest, test } from '@jest/globals';
import { cancelOrder } from '../../../src/db/cancel.ts';
import { databaseNow } from '../../../src/db/clock.ts';
import { findOrder } from '../../../src/db/orders.ts';
import { expireOverdue } from '../../../src/db/overdue.ts';
import { eventually } from '../../support/eventually.ts';
import { type Lab, openLab, PAIR } from '../activities/lab.ts';
import { TIMING } from '../db/support.ts';
import { admin } from './support.ts';

jest.setTimeout(90_000);

let lab: Lab;
const given = process.env['DATABASE_URL'];
beforeAll(async () => {
  lab = await openLab();
  const [row] = await lab.db<{ name: string }[]>`select current_database() as name`;
  const url = new URL(given ?? '');
  url.pathname = `/${row?.name}`;
  process.env['DATABASE_URL'] = url.href;
});
beforeEach(async () => {
  await lab.quiet();
  await lab.db`delete from rate_observations`;
});
afterAll(async () => {
  process.env['DATABASE_URL'] = given;
  await lab?.stop();
});

const ORDERS = 16;

const working: (() => Promise<void>)[] = [];
afterEach(async () => {
  await Promise.all(working.splice(0).map((end) => end()));
});

/** A task waits in a queue before a worker takes it: its plan is then older than a pause that came meanwhile. */
function queued<A extends unknown[], R>(send: (...args: A) => Promise<R>): (...args: A) => Promise<R> {
  return async (...args) => {
    await sleep(Math.random() * 300);
    return send(...args);
  };
}

/** Every order does what its run would do, all at once, until the returned function is called. */
function work(orderIds: readonly string[]): () => Promise<void> {
  let isOver = false;
  const { activities } = lab;
  const by = {
    ...activities,
    sendCreate: queued(activities.sendCreate),
    sendExecute: queued(activities.sendExecute),
  };
  const runs = orderIds.map(async (id) => {
    while (!isOver && (await findOrder(lab.db, id))?.closedAt === null) await lab.drive(id, () => isOver, by);
  });
  const end = async () => {
    isOver = true;
    await Promise.all(runs);
  };
  working.push(end);
  return end;
}

const statusOf = async (id: string) => (await findOrder(lab.db, id))?.status;

async function sentOf(orderIds: readonly string[]) {
  const rows = await lab.db<{ permittedAt: number; operation: string; isAnswered: boolean }[]>`
    select permitted_at, operation, outcome is not null as is_answered from conduit_sends
    where operation <> 'cancel' and order_id = any (${orderIds as string[]}::uuid[]) order by send_id`;
  return rows;
}

/** What Conduit took in hand for these orders since then, by its own ledger. */
async function takenSince(orderIds: readonly string[], since: number): Promise<string[]> {
  const entries = await Promise.all(orderIds.map((id) => lab.conduit.control.ledger({ reference: `${id}:*` })));
  return entries
    .flat()
    .filter(({ event, at }) => /^order\.(created|claimed)$/.test(event) && Date.parse(at) > since)
    .map(({ event }) => event);
}

async function accountsOf(orderId: string): Promise<string> {
  const order = await findOrder(lab.db, orderId);
  if (!order) throw new Error(`there is no order ${orderId}`);
  return order.sourceAccount;
}

test.each(['all', `pair:${PAIR}`])(
  'once `pause --scope %s` has answered nothing is created or executed, cancels and expiries go on, and nothing is lost',
  async (scope) => {
    const ids = await Promise.all(Array.from({ length: ORDERS }, () => lab.order()));
    const [cancelled = '', expired = '', ...others] = [...ids].reverse();
    // A call takes a while, so that the pause meets all of them: on their way, just permitted, and about to ask.
    await lab.conduit.control.armFault({
      match: { operation: ['orders.create', 'orders.execute'], times: 'always' },
      action: { delay: { afterMs: 100 } },
    });
    const endFirst = work(ids.slice(0, ORDERS / 2));
    await eventually('an execution', async () => (await sentOf(ids)).some(({ operation }) => operation === 'execute'));
    const endSecond = work(ids.slice(ORDERS / 2));
    const end = () => Promise.all([endFirst(), endSecond()]);

    const paused = await admin(`pause --scope ${scope} --reason "a test"`);
    const answeredAt = await databaseNow(lab.db);

    expect(paused).toMatchObject({ code: 0, out: expect.stringContaining('nothing is on its way') });
    const [pause] = await lab.db<{ createdAt: number }[]>`select created_at from pauses where scope = ${scope}`;
    const atAnswer = await sentOf(ids);
    expect(atAnswer.every(({ isAnswered }) => isAnswered)).toBe(true);
    // While all of them go on trying, and the market asks for them once more.
    await lab.activities.tickRateWatch(PAIR, Date.now());
    await cancelOrder(lab.db, cancelled, 'api', TIMING);
    await lab.db`update orders set created_at = created_at - interval '2 hours', expires_at = app_now() - interval '1 minute'
      where order_id = ${expired} and status = 'watching'`;
    await expireOverdue(lab.db, TIMING, 'reconciler');
    await eventually(
      'every run to have asked again',
      async () => (await databaseNow(lab.db)) - answeredAt > 4_000,
      10_000,
    );
    expect(await sentOf(ids)).toEqual(atAnswer);
    expect(atAnswer.filter(({ permittedAt }) => permittedAt > (pause?.createdAt ?? 0))).toEqual([]);
    expect(await takenSince(ids, answeredAt)).toEqual([]);
    const during = await Promise.all(ids.map(statusOf));
    expect(during.filter((status) => status === 'watching').length).toBeGreaterThan(0);
    expect(during.filter((status) => status === 'failed')).toEqual([]);
    for (const [id, status] of [
      [cancelled, 'cancelled'],
      [expired, 'expired'],
    ] as const)
      expect([status, 'executed']).toContain(await statusOf(id));
    await end();

    expect(await admin(`resume --scope ${scope}`)).toMatchObject({ code: 0, out: `Resumed ${scope}.` });
    const endAgain = work(ids);
    await eventually(
      'the others to execute',
      async () => (await Promise.all(others.map(statusOf))).every((it) => it === 'executed'),
      40_000,
    );
    await endAgain();
    for (const id of ids) {
      const claims = (await lab.ledger(id)).filter((event) => event === 'order.claimed');
      expect(claims).toHaveLength((await statusOf(id)) === 'executed' ? 1 : 0);
    }
  },
);

test('a pause of an account stops the orders of that account alone', async () => {
  const ids = await Promise.all(Array.from({ length: 4 }, () => lab.order()));
  const [held = '', ...free] = ids;
  const scope = `account:${await accountsOf(held)}`;
  expect(await admin(`pause --scope ${scope}`)).toMatchObject({ code: 0 });
  const end = work(ids);
  await eventually(
    'the others to execute',
    async () => (await Promise.all(free.map(statusOf))).every((it) => it === 'executed'),
    20_000,
  );
  expect(await sentOf([held])).toEqual([]);
  expect(await statusOf(held)).toBe('watching');
  await end();
  expect(await admin(`resume --scope ${scope}`)).toMatchObject({ code: 0 });
  const endAgain = work([held]);
  await eventually('the held one to execute', async () => (await statusOf(held)) === 'executed', 20_000);
  await endAgain();
});

test('a pause that meets a send without a reply names it, and that send is looked up under the pause', async () => {
  const id = await lab.order();
  await lab.conduit.control.armFault({
    match: { operation: 'orders.execute', reference: `${id}:*`, times: 1 },
    action: { drop: 'after' },
  });
  await lab.drive(id, (_step, did) => did.some((it) => it.startsWith('send_execute')));
  await lab.db`update conduit_sends set outcome = null, replied_at = null, code = null where order_id = ${id} and operation = 'execute'`;
  const paused = await admin('pause --scope all');
  expect(paused).toMatchObject({ code: 0, out: expect.stringContaining(`of order ${id}`) });
  const end = work([id]);
  await eventually('the look-up to find it', async () => (await statusOf(id)) === 'executed', 30_000);
  await end();
  expect((await lab.ledger(id)).filter((event) => event === 'order.claimed')).toHaveLength(1);
});

test('a pause for clocks over 3 s apart is lifted by a person alone, and comes back while they are apart', async () => {
  const pausedFor = async () => (await admin('pause list')).out;
  const tick = () => lab.activities.tickRateWatch(PAIR, Date.now());
  const id = await lab.order({ targetRate: '1.5', triggerRate: '1.51' });
  await lab.conduit.control.setKnobs({ dateSkewMs: 10_000 });
  await tick();
  expect(await pausedFor()).toMatch(/^all {2}since .* set by the service, until `resume`: clock_skew$/);
  expect(await lab.activities.probePauses()).toBe(0);
  await admin('resume --scope all');
  await tick();
  expect(await pausedFor()).toContain('clock_skew');

  await lab.conduit.control.setKnobs({ dateSkewMs: 0 });
  await tick();
  expect(await lab.activities.probePauses()).toBe(0);
  expect(await pausedFor()).toContain('clock_skew');
  await admin('resume --scope all');
  await tick();
  expect(await pausedFor()).toBe('');
  await cancelOrder(lab.db, id, 'api', TIMING);
});
