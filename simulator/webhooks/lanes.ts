import type { Book, Delivery } from '../book/book.ts';
import type { Clock } from '../core/clock.ts';
import type { KnobBoard } from '../core/knobs.ts';
import type { Log } from '../core/log.ts';
import type { DeliveryTwist } from './forgery.ts';

/**
 * The first tries of one order's events to one endpoint leave one after the other, so that an undisturbed order tells its
 * story in sequence. Later tries, and whatever a fault delays, go their own way: no order is promised.
 */
export type Lanes = { enqueue(delivery: Delivery): void };

type LanesDeps = {
  book: Book;
  clock: Clock;
  knobs: KnobBoard;
  twistFor: (delivery: Delivery) => DeliveryTwist;
  attempt: (delivery: Delivery, twist: DeliveryTwist) => Promise<void>;
  log: Log;
};

/** A reordered event waits for the next one of its order, but not for ever: an order's last event has none after it. */
const OVERTAKEN_AT_MOST_MS = 5_000;

export function createLanes({ book, clock, knobs, twistFor, attempt, log }: LanesDeps): Lanes {
  const turns = new Map<string, Promise<void>>();
  const overtaken = new Map<string, Delivery[]>();

  function laneOf({ endpointId, message }: Delivery): string {
    const { orderId, transactionId } = message.data;
    const order = typeof transactionId === 'string' ? book.transactions.get(transactionId)?.linkedOrderId : orderId;
    return `${endpointId} ${typeof order === 'string' ? order : message.id}`;
  }

  async function sendOvertaken(lane: string): Promise<void> {
    const late = overtaken.get(lane) ?? [];
    overtaken.delete(lane);
    for (const delivery of late) await attempt(delivery, {});
  }

  async function firstAttempt(delivery: Delivery, lane: string): Promise<void> {
    await book.committed();
    const twist = twistFor(delivery);
    if (twist.reorder) {
      overtaken.set(lane, [...(overtaken.get(lane) ?? []), delivery]);
      clock.at(clock.nowMs() + OVERTAKEN_AT_MOST_MS, () => void sendOvertaken(lane));
      return;
    }
    if (twist.delayMs !== undefined) {
      clock.at(clock.nowMs() + twist.delayMs, () => void attempt(delivery, twist));
      return;
    }
    await attempt(delivery, twist);
    await sendOvertaken(lane);
  }

  return {
    enqueue(delivery) {
      const lane = laneOf(delivery);
      const waitMs = knobs.scaled(knobs.get().webhookRetryMs[0] ?? 0);
      clock.at(clock.nowMs() + waitMs, () => {
        const turn = (turns.get(lane) ?? Promise.resolve())
          .then(() => firstAttempt(delivery, lane))
          .catch((error: unknown) => log.error({ event: 'webhook_not_sent', err: error }))
          .finally(() => {
            if (turns.get(lane) === turn) turns.delete(lane);
          });
        turns.set(lane, turn);
      });
    },
  };
}
