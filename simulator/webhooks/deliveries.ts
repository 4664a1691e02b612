import type { Book, Delivery } from '../book/book.ts';
import type { Endpoint, WebhookEvent } from '../book/entries.ts';
import type { Emit } from '../book/transitions.ts';
import type { Clock } from '../core/clock.ts';
import { newId } from '../core/ids.ts';
import type { KnobBoard } from '../core/knobs.ts';
import type { Log } from '../core/log.ts';
import { present } from '../core/present.ts';
import type { DeliveryTwist } from './forgery.ts';
import { createLanes } from './lanes.ts';
import type { Poster, SendOptions, Sent } from './post.ts';

export type Deliveries = {
  /** Tells every endpoint that listens to this type; nothing leaves before the event is in the ledger. */
  emit: Emit;
  /** Tries every delivery that a former run left open. */
  resume(): void;
  /** Tries a delivery once more, whatever became of it; false when there is none of that id. */
  retry(deliveryId: string): boolean;
  /** Sends a made-up event once, without a delivery, and tells what the receiver answered. */
  sendOnce(endpoint: Endpoint, type: string, data: Record<string, unknown>, how: SendOptions): Promise<Sent>;
  close(): Promise<void>;
};

type DeliveriesDeps = {
  book: Book;
  clock: Clock;
  knobs: KnobBoard;
  poster: Poster;
  twistFor: (delivery: Delivery) => DeliveryTwist;
  log: Log;
};

type Attempt = (delivery: Delivery, twist: DeliveryTwist) => Promise<void>;

function subscribes(endpoint: Endpoint, type: string): boolean {
  return endpoint.subscription.mode === 'all' || endpoint.subscription.eventTypes.includes(type);
}

/** One try of a delivery; when it fails the next one is put on the clock, until the schedule is used up. */
function createAttempt({ book, clock, knobs, poster, log }: DeliveriesDeps, isClosed: () => boolean): Attempt {
  async function send(delivery: Delivery, endpoint: Endpoint, how: SendOptions): Promise<boolean> {
    // A forged copy must not be taken for the true one by its id alone.
    const message = how.forge === undefined ? delivery.message : { ...delivery.message, id: newId('evt') };
    const sent = await poster.post(endpoint, delivery.id, message, how);
    delivery.log.push({ at: new Date().toISOString(), ...present('forged', how.forge), ...sent });
    log.debug({ event: 'webhook_sent', delivery: delivery.id, type: message.type, forged: how.forge, ...sent });
    return 'status' in sent && sent.status >= 200 && sent.status < 300;
  }

  async function sendAll(delivery: Delivery, endpoint: Endpoint, twist: DeliveryTwist): Promise<boolean> {
    if (twist.forge !== undefined) await send(delivery, endpoint, { forge: twist.forge });
    // Conduit believes that it was sent, so it does not try again.
    if (twist.never) return true;
    let delivered = false;
    for (let copy = 0; copy < (twist.copies ?? 1); copy += 1) {
      delivered = await send(delivery, endpoint, { skewSeconds: twist.skewSeconds });
    }
    return delivered;
  }

  return async function attempt(delivery, twist) {
    if (isClosed()) return;
    delivery.status = 'processing';
    delivery.attempts += 1;
    const endpoint = book.endpoints.get(delivery.endpointId);
    const delivered = endpoint !== undefined && (await sendAll(delivery, endpoint, twist));
    if (isClosed()) return;
    const waitMs = endpoint && knobs.get().webhookRetryMs[delivery.attempts];
    if (delivered || waitMs === undefined) {
      const status = delivered ? 'succeeded' : 'failed';
      const { id: deliveryId, attempts } = delivery;
      const swallowed = delivered && twist.never === true ? ({ swallowed: true } as const) : {};
      book.record({ event: 'delivery.ended', deliveryId, status, attempts, ...swallowed });
      return;
    }
    delivery.status = 'pending';
    clock.at(clock.nowMs() + knobs.scaled(waitMs), () => void attempt(delivery, {}));
  };
}

export function createDeliveries(deps: DeliveriesDeps): Deliveries {
  const { book, clock, knobs, poster } = deps;
  let closed = false;
  const attempt = createAttempt(deps, () => closed);
  const lanes = createLanes({ ...deps, attempt });

  function newMessage(type: string, data: Record<string, unknown>): WebhookEvent {
    return { id: newId('evt'), type, mode: 'sandbox', apiVersion: '2', createdAt: clock.nowIso(), data };
  }

  return {
    emit(type, data) {
      const targets = [...book.endpoints.values()].filter((endpoint) => subscribes(endpoint, type));
      if (targets.length === 0) return;
      const message = newMessage(type, data);
      const ids = targets.map((endpoint) => ({ id: newId('wdl'), endpointId: endpoint.id }));
      book.record({ event: 'webhook.emitted', message, deliveries: ids });
      for (const { id } of ids) {
        const delivery = book.deliveries.get(id);
        if (delivery) lanes.enqueue(delivery);
      }
    },
    resume() {
      for (const delivery of book.deliveries.values()) if (delivery.status === 'pending') lanes.enqueue(delivery);
    },
    retry(deliveryId) {
      const delivery = book.deliveries.get(deliveryId);
      if (!delivery) return false;
      // As if it were the last try of its schedule: a retry by hand is one more, not five.
      delivery.attempts = Math.max(delivery.attempts, knobs.get().webhookRetryMs.length - 1);
      clock.at(clock.nowMs(), () => void attempt(delivery, {}));
      return true;
    },
    sendOnce: (endpoint, type, data, how) => poster.post(endpoint, newId('wdl'), newMessage(type, data), how),
    async close() {
      closed = true;
      await poster.close();
    },
  };
}
