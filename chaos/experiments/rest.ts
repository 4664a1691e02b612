import { setTimeout as sleep } from 'node:timers/promises';
import { ORDER_WORKFLOW } from '../../src/workflows/messages.ts';
import { runProductCommand } from '../../stack/product.ts';
import { PROCESSES } from '../system/fleet.ts';
import { signalService } from '../system/pids.ts';
import type { System } from '../system/system.ts';
import type { Stage } from './experiment.ts';

/** What an order has after its expiry or after the faults, and then some for the last writes. */
const REST_AFTER_MS = 100_000;
/** The longest that an experiment keeps a webhook, at the usual pace. */
const LONGEST_DELIVERY_MS = 600_000;
const POLL_MS = 500;
/** Polls between two passes over the orphans that we ask for. */
const ORPHANS_EVERY = 8;

/** The knobs of the simulator as every experiment finds them. */
const KNOBS = {
  unknownAccounts: 'refuse',
  settlementHeld: false,
  dateSkewMs: 0,
  requestsPerSecond: null,
  quoteTtlMs: 300_000,
  idempotencyWindowMs: 2_592_000_000,
  rotationGraceMs: 86_400_000,
} as const;

/** What an experiment leaves to the one after it, when both are judged together: every process up, and nothing armed. */
export async function keepUp({ system: { desk, fleet, simulator } }: Stage): Promise<void> {
  desk.disarm();
  for (const name of PROCESSES) {
    fleet.thaw(name);
    await fleet.start(name);
  }
  await simulator.clearFaults();
  await simulator.setKnobs(KNOBS);
}

/** Puts the product's own code and settings back into every process that an experiment gave others. To be called at rest. */
export async function asShipped(system: System): Promise<void> {
  const { fleet } = system;
  const names = system.configured();
  for (const name of names) system.configure(name);
  for (const name of names) {
    await fleet.terminate(name);
    await fleet.start(name);
  }
  if (names.length > 0) await fleet.untilReady(names);
}

/** How long the provider takes for what nobody keeps, at the usual pace. */
const SETTLES_IN_MS = 15_000;

/** Ends what is open at the provider; with how much of it an experiment must have kept open. */
async function releaseHeld({ simulator }: System, timeScale: number): Promise<number> {
  const ledger = await simulator.ledger({
    event: ['order.claimed', 'order.succeeded', 'order.failed', 'order.cancelled'],
  });
  const open = new Map<string, number>();
  for (const fact of ledger) {
    if (fact.event === 'order.claimed') open.set(fact.orderId, Date.parse(fact.at));
    else if ('orderId' in fact && fact.orderId !== undefined) open.delete(fact.orderId);
  }
  for (const orderId of open.keys()) await simulator.holdSettlement(orderId, false);
  return [...open.values()].filter((at) => Date.now() - at > (2 * SETTLES_IN_MS) / timeScale).length;
}

/** Up to where the provider's ledger has been written. */
export async function lastSeq({ simulator }: System): Promise<number> {
  return (await simulator.ledger()).at(-1)?.seq ?? 0;
}

/** Takes back everything that an experiment may have broken, as its operators would: what is paused by hand is resumed by hand. */
export async function heal({ system, history, experiment, timeScale }: Stage): Promise<void> {
  const { network, simulator, desk, fleet, services, db, env } = system;
  desk.disarm();
  const isDown = PROCESSES.some((name) => fleet.isFrozen(name) || fleet.pidOf(name) === null);
  for (const name of PROCESSES) fleet.thaw(name);
  const gone = services.list.filter(({ name }) => !services.isRunning(name));
  // One that an experiment has left frozen still runs.
  for (const { name } of services.list)
    if (!gone.some((it) => it.name === name)) await signalService(services, name, 'SIGCONT');
  for (const { name } of gone) await services.restart(name);
  await network.heal();
  await simulator.clearFaults();
  await simulator.setKnobs(KNOBS);
  const released = await releaseHeld(system, timeScale);
  for (const name of PROCESSES) await fleet.start(name);
  const paused = await db<
    { scope: string; reason: string }[]
  >`select scope, reason from pauses where not heals_by_probe`;
  for (const { scope, reason } of paused) {
    system.tell('an operator resumes', { scope, reason });
    await runProductCommand('admin', ['resume', '--scope', scope], env);
  }
  // What has lasted until now is over only now.
  if (isDown || gone.length + released + paused.length > 0)
    history.add({ kind: 'fault', experiment, at: Date.now(), what: 'what was left to heal', phase: 'end' });
}

/** Webhooks that are still to come. One that comes after its order's end is to change nothing, which only who waits for it will see. */
async function openDeliveries({ simulator }: System, afterSeq: number): Promise<number> {
  const facts = await simulator.ledger({ afterSeq, event: ['webhook.emitted', 'delivery.ended'] });
  const open = new Set<string>();
  for (const fact of facts) {
    if (fact.event === 'webhook.emitted') for (const { id } of fact.deliveries) open.add(id);
    if (fact.event === 'delivery.ended') open.delete(fact.deliveryId);
  }
  return open.size;
}

async function openRuns({ client, call }: System['temporal']): Promise<number> {
  const query = `WorkflowType = '${ORDER_WORKFLOW}' and ExecutionStatus = 'Running'`;
  return (await call(() => client.workflow.count(query))).count;
}

/** The schedule's next pass, now: an operator's button. By itself it comes every half minute, which no law waits for. */
async function lookAfterOrphans({ client, call }: System['temporal']): Promise<void> {
  await call(() => client.schedule.getHandle('orphans').trigger()).catch(() => {});
}

/** Waits until every order and its run have ended, no orphan is open and no webhook is under way; false when that did not come in time. */
export async function untilRested(
  system: System,
  {
    orderIds,
    afterSeq,
    healedAt,
    timeScale,
  }: { orderIds: readonly string[]; afterSeq: number; healedAt: number; timeScale: number },
): Promise<boolean> {
  const { db, temporal } = system;
  const ids = orderIds as string[];
  const areRowsAtRest = async (): Promise<boolean> => {
    const [row] = await db<{ open: number }[]>`
      select (select count(*) from orders where order_id = any(${ids}::uuid[]) and closed_at is null)::int
        + (select count(*) from transactions where order_id = any(${ids}::uuid[])
            and orphan_until is not null and orphan_closed_at is null)::int
        + (select count(*) from outbox where published_at is null)::int as open`;
    return row?.open === 0;
  };
  // The rows again after the webhooks: one that comes meanwhile leaves a message. And runs are told of their row's end, or find
  // it: a worker that died holds a task of theirs for ten seconds.
  const isAtRest = async () =>
    (await areRowsAtRest()) &&
    (await openDeliveries(system, afterSeq)) === 0 &&
    (await areRowsAtRest()) &&
    (await openRuns(temporal)) === 0;
  const mayAnyWait = async () => {
    const now = db.typed.instant(Date.now());
    const waiting = await db`
      select from orders where order_id = any(${ids}::uuid[]) and closed_at is null and expires_at > ${now}
      union all
      select from transactions
      where order_id = any(${ids}::uuid[]) and orphan_closed_at is null and orphan_until > ${now} limit 1`;
    return waiting.count > 0;
  };
  let waitedAt = healedAt;
  let longerMs: number | null = null;
  for (let polls = 0; ; polls += 1) {
    if (polls % ORPHANS_EVERY === 0) await lookAfterOrphans(temporal);
    if (await isAtRest()) return true;
    if (await mayAnyWait()) waitedAt = Date.now();
    const giveUpAt = waitedAt + REST_AFTER_MS;
    // Where only webhooks are still to come they may be kept longer: the provider's queue is not ours.
    if (Date.now() > giveUpAt)
      longerMs ??= (await areRowsAtRest()) && (await openRuns(temporal)) === 0 ? LONGEST_DELIVERY_MS / timeScale : 0;
    if (Date.now() > giveUpAt + (longerMs ?? 0)) return false;
    await sleep(POLL_MS);
  }
}
