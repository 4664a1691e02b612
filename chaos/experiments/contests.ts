// Customers against the clock: cancels and expiries at the moment of the crossing.
import { setTimeout as sleep } from 'node:timers/promises';
import { FIAT, STABLES } from '../load/market.ts';
import type { PlacedOrder } from '../load/run-load.ts';
import { untilAnswered } from '../load/run-load.ts';
import { BRIDGES, WORKERS } from '../system/fleet.ts';
import type { Experiment, Stage } from './experiment.ts';
import { placeWaiting, untilPast } from './orders-alone.ts';

const NO_LOAD = { orders: 0, windowMs: 1_000 };
const stays = async () => {};

/** Of either pair, and not all in the same moment. */
const MIXED = { pairs: [STABLES, FIAT], withinMs: 200 } as const;

/** Resolves for an order when the event has been recorded, or when it has not come in time. */
function watchFor(
  { system, aside }: Stage,
  event: 'attempt_created' | 'execute_permitted',
  orders: readonly PlacedOrder[],
): (orderId: string) => Promise<void> {
  const ids = orders.map(({ orderId }) => orderId);
  const seen = new Set<string>();
  const giveUpAt = Date.now() + RECORDED_WITHIN_MS;
  const isOver = () => seen.size === ids.length || Date.now() > giveUpAt;
  const watch = async () => {
    while (!isOver()) {
      const rows = await system.db<{ orderId: string }[]>`
        select order_id from order_events where order_id = any(${ids}::uuid[]) and event = ${event}`;
      for (const { orderId } of rows) seen.add(orderId);
      await sleep(10);
    }
  };
  aside(watch());
  return async (orderId) => {
    while (!seen.has(orderId) && !isOver()) await sleep(2);
  };
}

/** The orders that were permitted to execute: when, and when Conduit's order had been recorded. */
async function permitsOf({ system }: Stage, orders: readonly PlacedOrder[]) {
  const ids = orders.map(({ orderId }) => orderId);
  return system.db<{ orderId: string; createdAt: number; permittedAt: number }[]>`
    select order_id, min(occurred_at) filter (where event = 'attempt_created') as created_at,
      min(occurred_at) filter (where event = 'execute_permitted') as permitted_at
    from order_events where order_id = any(${ids}::uuid[])
    group by order_id having bool_or(event = 'attempt_created') and bool_or(event = 'execute_permitted')`;
}

/** The sends that were permitted so shortly before the margin began that they were in flight with it. */
async function permittedWithin({ system }: Stage, orders: readonly PlacedOrder[], marginMs: number) {
  const ids = orders.map(({ orderId }) => orderId);
  return system.db`
    select 1 from conduit_sends s join orders o using (order_id)
    where order_id = any(${ids}::uuid[])
      and s.permitted_at > o.expires_at - ${marginMs + 1_000} * interval '1 millisecond'`;
}

/** When the cancels of an order come, from its expiry on: close to it, or when a slow machine comes to it. */
const AROUND_EXPIRY_MS = [-100, 100] as const;
const AFTER_EXPIRY_MS = [0, 1_500] as const;
/** Orders whose fences come one after another: a slow machine is with one of the later. */
const FENCES = 45;
const FENCES_APART_MS = 300;
const GROUP = 20;
const RECORDED_WITHIN_MS = 8_000;
/** Of the cancels, as a share: the others were early or late, and still a contest. */
const CLOSE_AT_LEAST = 0.05;
/** How far around the expected moment the cancels are spread. */
const AROUND_MS = 50;

/** Of the orders some must have been cancelled, and of others the other side have won. */
async function expectContest(
  { system, struck }: Stage,
  orders: readonly PlacedOrder[],
  other: 'executed' | 'expired',
): Promise<void> {
  const ids = orders.map(({ orderId }) => orderId);
  const ends = await system.db<{ status: string }[]>`
    select distinct status from orders where order_id = any(${ids}::uuid[])`;
  const won = ends.map(({ status }) => status);
  struck(won.includes('cancelled') && won.includes(other), `there was no contest: all were ${won.join(', ')}`);
}

export const CONTEST_EXPERIMENTS: readonly Experiment[] = [
  {
    id: 'F31',
    title: 'cancels within 50 ms of the execute, in groups of twenty',
    atRisk: ['I5'],
    load: NO_LOAD,
    moveMarket: stays,
    async run(stage) {
      const { market, random, note, isQuick, report, struck } = stage;
      const spreads: number[] = [];
      // From an order at Conduit to its execute, as this machine has done it so far: where the next cancels are aimed at.
      const leads: number[] = [];
      for (let round = 0; round < (isQuick ? 5 : 25); round += 1) {
        await market.away();
        const orders = await placeWaiting(stage, GROUP, 25_000, MIXED);
        await untilPast(stage, orders, ['accepted']);
        const isMeasured = leads.length > 0;
        const created = watchFor(stage, isMeasured ? 'attempt_created' : 'execute_permitted', orders);
        await market.cross();
        const cancels = await Promise.all(
          orders.map(async ({ orderId, calls }) => {
            await created(orderId);
            if (isMeasured) await sleep(Math.max(0, random.pick(leads) + random.between(-AROUND_MS, AROUND_MS)));
            const at = Date.now();
            await untilAnswered(random, () => calls.cancel(orderId));
            return { orderId, at };
          }),
        );
        note('twenty cancels around a crossing', { round });
        for (const { orderId, createdAt, permittedAt } of await permitsOf(stage, orders)) {
          leads.push(permittedAt - createdAt);
          const cancel = cancels.find((it) => it.orderId === orderId);
          if (cancel) spreads.push(Math.abs(cancel.at - permittedAt));
        }
      }
      const within50Ms = spreads.filter((ms) => ms <= 50).length;
      const medianMs = spreads.toSorted((a, b) => a - b)[Math.floor(spreads.length / 2)];
      report('distance of cancels from their executes', { contested: spreads.length, within50Ms, medianMs });
      struck(
        within50Ms > 0 && within50Ms >= spreads.length * CLOSE_AT_LEAST,
        `of ${spreads.length} cancels only ${within50Ms} came within 50 ms of their execute`,
      );
      await expectContest(stage, stage.placed(), 'executed');
    },
  },
  {
    id: 'F32',
    title: 'cancels straight after the 201, before there is a run',
    atRisk: ['I5', 'I2'],
    load: { ...NO_LOAD, orders: 10 },
    async run(stage) {
      const { system, random, during } = stage;
      await during(
        'no bridge',
        3_000,
        () => Promise.all(BRIDGES.map((name) => system.fleet.kill(name))),
        async () => {
          const orders = await placeWaiting(stage, 30, 20_000, MIXED);
          await Promise.all(orders.map(({ orderId, calls }) => untilAnswered(random, () => calls.cancel(orderId))));
          await Promise.all(BRIDGES.map((name) => system.fleet.start(name)));
        },
      );
    },
  },
  {
    id: 'F33',
    title: 'ten cancels of one order at once, at its expiry',
    atRisk: ['I5', 'I8'],
    load: NO_LOAD,
    moveMarket: stays,
    async run(stage) {
      const { random, note } = stage;
      const expiry = Date.now() + 14_000;
      const orders = await placeWaiting(stage, 20, (index) => expiry + index * 40, MIXED);
      await Promise.all(
        orders.map(async ({ orderId, calls, plan }, index) => {
          const [from, to] = index % 2 === 0 ? AROUND_EXPIRY_MS : AFTER_EXPIRY_MS;
          const aim = Date.parse(plan.body.expires_at) + random.between(from, to);
          await sleep(aim - Date.now());
          await Promise.all(
            Array.from({ length: 10 }, async () => {
              await sleep(random.between(0, 20));
              await untilAnswered(random, () => calls.cancel(orderId));
            }),
          );
          note('ten cancels at the expiry', { orderId });
        }),
      );
      await expectContest(stage, orders, 'expired');
    },
  },
  {
    id: 'F34',
    title: 'orders expire at the moment of the crossing; all workers are dead at an expiry',
    atRisk: ['I4', 'I2'],
    load: NO_LOAD,
    moveMarket: stays,
    async run(stage) {
      const { system, market, random, note, during, struck } = stage;
      const sendMarginMs = 1_000 * Number(system.settings['SEND_MARGIN_SECONDS']);
      const crossing = Date.now() + 16_000;
      // Some expire at the crossing itself; for others the margin before their expiry begins while they look and send.
      await placeWaiting(stage, 15, () => crossing + random.between(0, 50), MIXED);
      const contested = await placeWaiting(
        stage,
        FENCES,
        (index) => crossing + sendMarginMs + index * FENCES_APART_MS,
        MIXED,
      );
      await sleep(Math.max(0, crossing - Date.now()));
      await market.cross();
      note('crossing at the expiry');
      await sleep(3_000 + FENCES * FENCES_APART_MS);
      await market.away();
      const [close] = await permittedWithin(stage, contested, sendMarginMs);
      struck(close !== undefined, 'nothing was permitted within a second of the margin');
      const expiry = Date.now() + 12_000;
      await placeWaiting(stage, 15, () => expiry + random.between(0, 50), MIXED);
      await during(
        'no worker',
        Math.max(0, expiry + 3_000 - Date.now()),
        () => Promise.all(WORKERS.map((name) => system.fleet.kill(name))),
        () => Promise.all(WORKERS.map((name) => system.fleet.start(name))),
      );
    },
  },
];
