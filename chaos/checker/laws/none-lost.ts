// I2: each order that was accepted is there, and has ended in time, whether or not its customer heard of it.
import type { FaultNote } from '../../evidence/history.ts';
import { type Evidence, groupBy, isTerminal } from '../evidence.ts';
import type { AttemptRow, EventRow, OrderRow } from '../rows.ts';
import { isStrike } from '../strikes.ts';
import { isAccepted, operationsOf } from '../told.ts';
import { broken, type Violation } from '../verdict.ts';
import type { Fact } from '../witnesses.ts';

/** An order ends within this of its expiry, or of the end of what kept it from it. */
const GRACE_MS = 90_000;
const ENDS = new Set(['order.succeeded', 'order.failed', 'order.cancelled']);

export function judgeNoneLost(evidence: Evidence): Violation[] {
  const known = new Set(evidence.orders.map(({ orderId }) => orderId));
  const events = groupBy(evidence.events, ({ orderId }) => orderId);
  const attempts = groupBy(evidence.attempts, ({ orderId }) => orderId);
  const ends = endsIn(evidence.ledger);
  const troubles = troublesIn(evidence);
  const accepted = operationsOf(evidence)
    .filter(isAccepted)
    .map(({ orderId }) => orderId ?? '');
  const missing = [...new Set(accepted)].filter((orderId) => !known.has(orderId));
  return [
    ...missing.map((orderId) => broken('I2', orderId, 'it was accepted and is not there')),
    ...evidence.orders.flatMap((order) => {
      const { orderId, status, closedAt } = order;
      if (!isTerminal(status)) return [broken('I2', orderId, `it never came to rest: ${status}`)];
      if (closedAt === null) return [broken('I2', orderId, `it is ${status}, and nobody knows since when`)];
      const readable = endOfExecution(order, events.get(orderId) ?? [], attempts.get(orderId) ?? [], ends);
      const lateMs = closedAt - Math.max(endOfTrouble(order, troubles), readable) - GRACE_MS;
      return lateMs > 0 ? [broken('I2', orderId, `it ended ${lateMs} ms late`)] : [];
    }),
  ];
}

/** A time in which something was broken that an order's end rests on. */
interface Trouble {
  readonly from: number;
  readonly to: number;
}

/** What else than a strike keeps an order from its end: that nobody may ask the provider, or is answered. */
const UNANSWERED = /^(rateLimited|no look-ups)$/;

/**
 * From the beginning of an experiment until its faults were over and all was up; where it mends what it breaks before it breaks the
 * next, from one mending to the next. Of the last experiment the end is that all was healed. One that leaves alone what ends orders is
 * no trouble: there they end at their expiry.
 */
function troublesIn({ history, meta }: Evidence): Trouble[] {
  const turns = history.filter((entry) => entry.kind === 'turn');
  const ENDINGS = ['mended', 'ended'];
  const faults = history.filter((entry) => entry.kind === 'fault');
  return turns
    .filter(({ what }) => what === 'began')
    .flatMap(({ experiment, at: beganAt }) => {
      const ends = turns.filter((it) => it.experiment === experiment && ENDINGS.includes(it.what)).map(({ at }) => at);
      const hasEnded = turns.some((it) => it.experiment === experiment && it.what === 'ended');
      const all = hasEnded ? ends : [...ends, meta.healedAt];
      const its = faults.filter((it) => it.experiment === experiment && keepsFromEnding(it));
      return all
        .map((to, index) => ({ from: all[index - 1] ?? beganAt, to }))
        .filter(({ from, to }) => its.some(({ at }) => at >= from && at <= to));
    });
}

/** The api takes orders and cancels, and Redis keeps rates at hand: without them an order ends as it would with them. */
function keepsFromEnding(fault: FaultNote): boolean {
  const { what, detail } = fault;
  const isOfApi = detail?.['process'] === 'api' || detail?.['name'] === 'api';
  return UNANSWERED.test(what) || (isStrike(fault) && !isOfApi && !what.startsWith('Redis'));
}

/** When nothing kept the order from ending any more: at its expiry, or once what it had lived through until then was over. */
function endOfTrouble({ createdAt, expiresAt }: OrderRow, troubles: readonly Trouble[]): number {
  return troubles
    .filter(({ from, to }) => from <= expiresAt && to >= createdAt)
    .reduce((latest, { to }) => Math.max(latest, to), expiresAt);
}

/** The one exception: of an order that executes at its expiry the end is the provider's to give. 0 for any other. */
function endOfExecution(
  { expiresAt }: OrderRow,
  events: readonly EventRow[],
  attempts: readonly AttemptRow[],
  ends: ReadonlyMap<string, number>,
): number {
  const atExpiry = events.filter(({ occurredAt }) => occurredAt <= expiresAt).toSorted((a, b) => a.number - b.number);
  if (atExpiry.at(-1)?.status !== 'executing') return 0;
  const ofLive = atExpiry.findLast(({ attempt }) => attempt !== null);
  const live = attempts.find(({ attempt }) => attempt === ofLive?.attempt);
  return live ? (ends.get(live.reference) ?? 0) : 0;
}

/** When the order of each reference had ended: a twin of it, which a fault made, is another order. */
function endsIn(ledger: readonly Fact[]): Map<string, number> {
  const ends = new Map<string, number>();
  for (const { event, reference = '', twinOf, at } of ledger)
    if (ENDS.has(event) && twinOf === undefined && !ends.has(reference)) ends.set(reference, Date.parse(at));
  return ends;
}
