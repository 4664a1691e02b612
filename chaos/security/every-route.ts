// A1: every route, by everybody who is not its order's owner, in every state of the order.

import { Redis } from 'ioredis';
import { ORDER_STATUSES } from '../../src/domain/order.ts';
import type { Stage } from '../experiments/experiment.ts';
import type { PlacedOrder } from '../load/run-load.ts';
import { BRIDGES } from '../system/fleet.ts';
import type { Customer } from '../system/system.ts';
import { callersOf } from './callers.ts';
import { tryCreations } from './creations.ts';
import { inTurns, type Pass, tryOrder } from './isolation.ts';
import { headerOf, requestBytes, shoot } from './raw-http.ts';
import { kindOfRoute, productRoutes, type Route } from './routes.ts';
import { placeFor, shortestLifeMs, untilStatus } from './victims.ts';

/** One more than the shortest that the service takes: the clocks of two processes are two clocks. */
const SHORTEST_MORE_MS = 1_500;
const MAX_TOLD = 12;

export async function tryEveryRoute(stage: Stage): Promise<void> {
  const { system, expect, note } = stage;
  const [owner, stranger] = system.customers;
  if (!owner || !stranger) throw new Error('isolation takes two customers');
  const routes = productRoutes();
  for (const route of routes)
    expect(kindOfRoute(route) !== null, 'I10', `nobody has said how ${route.method} ${route.path} is to be tried`);
  // Commands take their time, and so does an expiry.
  const [callers, first] = await Promise.all([callersOf(system, owner, stranger), placeFirst(stage, owner)]);
  try {
    await tryRoutes(stage, routes);
    let open: PlacedOrder | null = null;
    const untried = new Set<string>(ORDER_STATUSES);
    for await (const { state, order } of victims(stage, owner, first)) {
      untried.delete(state);
      if (state === 'watching') open = order;
      for (const cache of ['as it is', 'empty'] as const) {
        if (cache === 'as it is') await order.calls.read(order.orderId);
        else await flush(system.env['REDIS_URL'] ?? '');
        const pass = await tryOrder(stage, { state, order, callers: callers.all, routes });
        note('probes of an order', { state, cache, requests: pass.requests });
        tell(stage, pass);
      }
      const { status, shown } = await order.calls.read(order.orderId);
      expect(
        status === 200 && shown?.status === state,
        'I10',
        `its owner is shown ${status} ${shown?.status}, it is ${state}`,
      );
    }
    expect(untried.size === 0, 'I10', `no order was tried that is ${[...untried].join(' or ')}`);
    if (open) {
      const pass = await tryCreations(stage, { order: open, stranger, callers: callers.all, routes });
      note('creations by others', { requests: pass.requests });
      tell(stage, pass);
      // The owner's own cancel does what nobody else's did.
      const { status, shown } = await open.calls.cancel(open.orderId);
      expect(status === 200 && shown?.status === 'cancelled', 'I10', `its owner's cancel was answered ${status}`);
    }
  } finally {
    await system.simulator.setKnobs({ settlementHeld: false });
    for (const name of BRIDGES) await system.fleet.start(name);
    await callers.dismiss();
  }
}

interface FirstVictims {
  readonly watching: PlacedOrder;
  readonly cancelled: PlacedOrder;
  readonly expired: PlacedOrder;
  readonly executed: PlacedOrder;
}

async function placeFirst(stage: Stage, owner: Customer): Promise<FirstVictims> {
  const [watching, cancelled, expired, executed] = await Promise.all([
    placeFor(stage, owner, { rate: 'never' }),
    placeFor(stage, owner, { rate: 'never', cancelAfterMs: 0 }),
    placeFor(stage, owner, { rate: 'never', livesMs: shortestLifeMs(stage.system) + SHORTEST_MORE_MS }),
    placeFor(stage, owner, { rate: 'metAtOnce' }),
  ]);
  return { watching, cancelled, expired, executed };
}

/**
 * An order of the owner's in each state, as soon as it is in it. While one is held in its execution, no other can end so: that one
 * comes first. Without a bridge an order stays accepted until repair starts its run, half a minute later; this one then comes to nothing
 * but a final refusal.
 */
async function* victims(
  stage: Stage,
  owner: Customer,
  { watching, cancelled, expired, executed }: FirstVictims,
): AsyncGenerator<{ state: string; order: PlacedOrder }> {
  const { system } = stage;
  const reached = async (state: string, order: PlacedOrder) => {
    await untilStatus(stage, order.orderId, state);
    return { state, order };
  };
  yield reached('executed', executed);
  await setBridges(stage, 'down');
  const refused = await placeFor(stage, owner, { rate: 'metAtOnce' });
  await system.simulator.armFault({
    match: { operation: 'orders.create', reference: `${refused.orderId}:*` },
    action: { problem: { code: 'RECIPIENT_VALIDATION_FAILED', status: 422 } },
  });
  yield reached('accepted', refused);
  await setBridges(stage, 'up');
  yield reached('failed', refused);
  await system.simulator.setKnobs({ settlementHeld: true });
  const executing = await placeFor(stage, owner, { rate: 'metAtOnce' });
  yield reached('cancelled', cancelled);
  yield reached('watching', watching);
  yield reached('executing', executing);
  await system.simulator.setKnobs({ settlementHeld: false });
  yield reached('expired', expired);
}

async function setBridges({ system: { fleet }, note }: Stage, to: 'up' | 'down'): Promise<void> {
  await Promise.all(BRIDGES.map((name) => (to === 'up' ? fleet.start(name) : fleet.terminate(name))));
  note(`the bridges are ${to}`);
}

/** The routes that the code has are those of the running service: each does something else than "no such route". */
async function tryRoutes({ system, expect, note }: Stage, routes: readonly Route[]): Promise<void> {
  await inTurns(
    routes.map(({ method, path }) => async () => {
      const request = requestBytes(method, path.replace(':id', 'x'), []);
      const [reply] = (await shoot(system.apiUrl, [request], { deadlineMs: 5_000 })).replies;
      const isThere = reply !== undefined && !reply.body.includes('route_not_found');
      expect(isThere, 'I10', `the running service does not have ${method} ${path}: what was tried is another one`);
      const poweredBy = reply && headerOf(reply.headers, 'x-powered-by');
      expect(poweredBy === undefined, 'I15', `${method} ${path} says what it is made with: ${poweredBy}`);
    }),
  );
  note('routes', { routes: routes.map(({ method, path }) => `${method} ${path}`) });
}

function tell({ expect }: Stage, { faults }: Pass): void {
  for (const fault of faults.slice(0, MAX_TOLD)) expect(false, 'I10', fault);
  if (faults.length > MAX_TOLD) expect(false, 'I10', `and ${faults.length - MAX_TOLD} more of this kind`);
}

async function flush(url: string): Promise<void> {
  const redis = new Redis(url);
  await redis.flushall().finally(() => redis.disconnect());
}
