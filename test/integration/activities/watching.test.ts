import { afterAll, beforeAll, beforeEach, expect, jest, test } from '@jest/globals';
import { findOrder } from '../../../src/db/orders.ts';
import { until } from '../../simulator/support.ts';
import { type Lab, openLab, PAIR } from './lab.ts';

jest.setTimeout(40_000);

let lab: Lab;
beforeAll(async () => {
  lab = await openLab();
});
beforeEach(async () => {
  await lab.quiet();
  await lab.db`delete from rate_observations`;
  await lab.conduit.control.setKnobs({ dateSkewMs: 0 });
  await lab.conduit.control.setRate(PAIR, '0.95');
});
afterAll(() => lab?.stop());

const tick = () => lab.activities.tickRateWatch(PAIR, Date.now());

test('a tick keeps the rate and wakes the orders whose trigger it crossed, once an interval', async () => {
  const near = await lab.order();
  const far = await lab.order({ targetRate: '1.5', triggerRate: '1.51' });
  expect(await tick()).toMatchObject({ rate: '0.95', fault: null });
  expect(lab.woken).toContain(near);
  expect(lab.woken).not.toContain(far);
  lab.woken.length = 0;
  expect(await tick()).toMatchObject({ woken: 0 });
});

test.each([
  [2_500, ['alert clock_skew'], []],
  [-5_000, ['alert clock_skew'], ['all clock_skew']],
  [600_000, ['alert clock_skew'], ['all clock_skew']],
])("Conduit's clock %i ms away", async (dateSkewMs, rung, pauses) => {
  await lab.order();
  await lab.conduit.control.setKnobs({ dateSkewMs });
  // The header is cut to the second, and only what that cannot explain counts: here it cuts off a tenth at most.
  await until(() => Date.now() % 1_000 >= 500 && Date.now() % 1_000 < 600);
  await tick();
  expect(lab.rung).toEqual(rung);
  expect(await lab.pauses()).toEqual(pauses);
});

test('a feed that stays absurd pauses its pair and calls a person once', async () => {
  await lab.order();
  await tick();
  await lab.conduit.control.setRate(PAIR, '950');
  expect(await tick()).toMatchObject({ fault: 'absurd', rate: null });
  expect(await tick()).toMatchObject({ fault: 'absurd' });
  expect(await lab.pauses()).toEqual(['pair absurd_rate']);
  expect(lab.rung).toEqual(['page absurd_rate', 'alert rate_suspect']);
});

test('a worker that dies as it calls a person for an absurd rate has not paused yet: the next one calls', async () => {
  await lab.order();
  await tick();
  await lab.conduit.control.setRate(PAIR, '950');
  const dying = lab.activitiesWith((real) => real, {
    bell: {
      ...lab.bell,
      page: () => {
        throw new Error('the worker dies');
      },
    },
  });
  await expect(dying.tickRateWatch(PAIR, Date.now())).rejects.toThrow('the worker dies');
  expect(await tick()).toMatchObject({ fault: 'absurd' });
  expect(lab.rung).toEqual(['page absurd_rate']);
  expect(await lab.pauses()).toEqual(['pair absurd_rate']);
});

test('a jump is believed when a second quote agrees, and not when it does not', async () => {
  await lab.order();
  await tick();
  await lab.conduit.control.setRate(PAIR, '1.3');
  expect(await tick()).toMatchObject({ rate: '1.3', fault: null });
  const sinceMs = Date.now();
  await lab.conduit.control.setRate(PAIR, '1.7');
  const ticking = tick();
  await until(async () => (await lab.conduit.control.requestCounts({ sinceMs }))['quotes.create'] === 1);
  await lab.conduit.control.setRate(PAIR, '1.9');
  expect(await ticking).toMatchObject({ rate: null, fault: 'suspect' });
  expect(lab.rung).toEqual(['alert rate_suspect', 'alert rate_suspect']);
});

test('a quote whose assets are exchanged is never used, whatever it says it was asked', async () => {
  const orderId = await lab.order();
  await lab.conduit.control.armFault({
    match: { operation: 'quotes.create', times: 'always' },
    action: { badRate: 'swapped' },
  });
  expect(await tick()).toMatchObject({ rate: null, fault: 'other_assets' });
  expect(await lab.drive(orderId, ({ reason }) => reason === 'quote_unusable')).toEqual([
    'look: quote_unusable other_assets',
  ]);
  expect(await lab.ledger(orderId)).toEqual([]);
});

test('an order that has used its attempts of the hour asks for no quote', async () => {
  const orderId = await lab.order();
  for (let attempt = 1; attempt <= 5; attempt += 1) {
    await lab.db`
      insert into transactions (order_id, attempt, status, reference, base_url, organisation, quote_id, quote_option_id, quote_rate,
        option_expires_at, quoted_debit, quoted_recipient, quoted_destination_fee, direction, target_rate, all_in_rate, closed_at)
      values (${orderId}, ${attempt}, 'failed', ${`${orderId}:g${attempt}`}, 'b', 'o', 'q', ${`${orderId}:${attempt}`}, 0.9, app_now(), 20,
        18, 0, '>=', 0.9, 0.9, app_now())`;
    await lab.db`
      insert into conduit_sends (order_id, attempt, operation, key_number, idempotency_key)
      values (${orderId}, ${attempt}, 'create', 1, ${`${orderId}:${attempt}`})`;
  }
  const sinceMs = Date.now();
  expect(await lab.drive(orderId, ({ reason }) => reason === 'attempt_limit')).toEqual(['look: attempt_limit']);
  expect(await lab.conduit.control.requestCounts({ sinceMs })).toEqual({});
  expect(await findOrder(lab.db, orderId)).toMatchObject({ status: 'watching', reason: 'attempt_limit', attempts: 0 });
});

test('a lock or a throttle in Redis that never ends is none of ours and keeps no order from looking', async () => {
  const orderId = await lab.order();
  await lab.redis.set(`order:lock:${orderId}`, 'somebody');
  await lab.redis.set(`order:rate:${orderId}`, '1');
  const did = await lab.drive(orderId, ({ seen }) => seen.attempt !== null);
  expect(did).toEqual(['look: hit']);
});
