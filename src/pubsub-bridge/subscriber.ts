import type { IncomingMessage, OpenSubscription, Pubsub, Verdict } from '../clients/pubsub.ts';
import type { Topic } from '../db/outbox.ts';
import type { Logger } from '../logger.ts';
import { type Loop, startLoop } from './loop.ts';

export interface SubscriberDeps {
  readonly topic: Topic;
  readonly pubsub: Pick<Pubsub, 'ensure' | 'hasSubscription' | 'hasWaiting' | 'subscribe'>;
  readonly handle: (message: IncomingMessage) => Promise<Verdict>;
  readonly isPaused: () => boolean;
  readonly log: Logger;
  readonly checkEveryMs?: number;
  readonly silenceMs?: number;
}

/** How soon a subscription that is gone without a word is found missing. */
const CHECK_EVERY_MS = 5_000;
/** After so long without a message one is asked for outside the stream: streams are known to stop without an error. */
const SILENCE_MS = 60_000;
/** A few times what Temporal starts in the time of one call: more would only wait, and spend the handlers' deadlines. */
const MAX_IN_FLIGHT = 50;
/** Three of the largest messages that Pub/Sub takes. */
const MAX_BYTES = 30_000_000;

export type Subscriber = ReturnType<typeof createSubscriber>;

/**
 * Keeps one subscription open while the bridge takes messages. The library gives a stream up for good when its subscription is
 * not found, as after a restart of the emulator; here every end, every failed check and every suspicious silence leads to the
 * same: create what is missing, and open a new stream.
 */
export function createSubscriber(deps: SubscriberDeps) {
  const { topic, pubsub, handle, isPaused, log, checkEveryMs = CHECK_EVERY_MS, silenceMs = SILENCE_MS } = deps;
  let stream: OpenSubscription | null = null;
  let isUnsure = true; // No check has succeeded since the stream was opened or Pub/Sub was away.
  let askedAtMs = 0;
  let loop: Loop | null = null;
  /** Streams that end: their handlers are still at work. */
  const ending = new Set<Promise<void>>();

  function shut(): void {
    if (!stream) return;
    const ended = stream.close().catch((error: unknown) => {
      log.warn({ event: 'dependency_unavailable', err: error, topic }, 'a subscription did not close well');
    });
    ending.add(ended);
    void ended.then(() => ending.delete(ended));
    stream = null;
  }
  async function reopen(reason: string): Promise<void> {
    shut();
    await pubsub.ensure(topic);
    if (isPaused()) return;
    stream = pubsub.subscribe(topic, {
      maxInFlight: MAX_IN_FLIGHT,
      maxBytes: MAX_BYTES,
      handle,
      onEnd(error) {
        log.warn({ event: 'dependency_unavailable', err: error, topic }, 'the subscription ended');
        isUnsure = true;
        loop?.wake();
      },
    });
    isUnsure = false;
    log.info({ event: 'subscription_reopened', topic, reason }, 'subscription open');
  }
  /** Why the stream must be replaced, or null. Throws when Pub/Sub does not answer. */
  async function fault(): Promise<string | null> {
    if (!stream) return 'start';
    if (!stream.isOpen()) return 'ended';
    if (!(await pubsub.hasSubscription(topic))) return 'missing';
    if (isUnsure) return 'outage';
    const sinceAsked = performance.now() - askedAtMs;
    if (Math.min(stream.silentMs(), sinceAsked) < silenceMs) return null;
    askedAtMs = performance.now();
    return (await pubsub.hasWaiting(topic)) ? 'silent' : null;
  }
  async function pass(): Promise<number> {
    if (isPaused()) {
      shut();
      return checkEveryMs;
    }
    try {
      const reason = await fault();
      if (reason !== null) await reopen(reason);
    } catch (error) {
      isUnsure = true;
      throw error;
    }
    return checkEveryMs;
  }
  return {
    isOpen: () => stream?.isOpen() === true && !isUnsure,
    /** Something changed that the next pass should see at once. */
    wake: () => loop?.wake(),
    start(): void {
      loop = startLoop({ name: `subscriber ${topic}`, log, work: pass });
    },
    /** Takes no more messages, and waits for those at work. */
    async stop(): Promise<void> {
      shut();
      await loop?.stop();
      shut(); // The pass that was running may have opened another.
      await Promise.all(ending);
    },
  };
}
