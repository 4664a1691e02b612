import { type IncomingMessage, isPubsubNotFound, type Pubsub } from '../clients/pubsub.ts';
import type { Topic } from '../db/outbox.ts';
import type { Logger } from '../logger.ts';
import { type Loop, startLoop } from './loop.ts';

/** `ack`: it is done, never deliver it again. `nack`: deliver it again, later. */
export type Verdict = 'ack' | 'nack';

export interface SubscriberDeps {
  readonly topic: Topic;
  readonly pubsub: Pick<Pubsub, 'ensure' | 'hasSubscription' | 'pull' | 'acknowledge' | 'giveBack'>;
  /** Takes one message to its end. Must not throw. */
  readonly handle: (message: IncomingMessage) => Promise<Verdict>;
  readonly isPaused: () => boolean;
  readonly log: Logger;
  readonly maxInFlight?: number;
  readonly checkEveryMs?: number;
  /** A clock that never goes back, in milliseconds. */
  readonly clock?: () => number;
}

/** What Temporal starts in about half a second, so that no message waits for long behind the others of its pull. */
const MAX_IN_FLIGHT = 50;
/** How often a subscription that answers is asked whether its topic still feeds it. */
const CHECK_EVERY_MS = 30_000;
/** One that was just made may not be found for a moment yet. */
const MISSING_MS = 100;
/** A pause ends by a word of the breaker; this is only for the case that the word came in between. */
const PAUSED_MS = 1_000;
/** Twice what a pass may take in which every call and every handler reaches its deadline. Without its word the loop hangs. */
const MAX_PASS_MS = 60_000;

/**
 * Pulls the messages of one subscription, no more than there are handlers for, and none while the bridge is paused. A subscription
 * that is not there, as after a restart of the emulator, is made with all that belongs to it.
 */
export function createSubscriber(deps: SubscriberDeps) {
  const { topic, pubsub, handle, isPaused, log, maxInFlight = MAX_IN_FLIGHT, checkEveryMs = CHECK_EVERY_MS } = deps;
  const { clock = () => performance.now() } = deps;
  const inFlight = new Set<Promise<void>>();
  let isTaking = false;
  let isStopping = false;
  let checkedAtMs = Number.NEGATIVE_INFINITY;
  let passBeganAtMs = Number.NEGATIVE_INFINITY;
  let loop: Loop | null = null;

  async function take(message: IncomingMessage): Promise<void> {
    // What a pull brought after the word to stop is given back unread: another bridge has it at once.
    const verdict = isStopping ? 'nack' : await handle(message);
    try {
      await (verdict === 'ack' ? pubsub.acknowledge(topic, message) : pubsub.giveBack(topic, message));
    } catch (error) {
      // It is then delivered again when its time is over, and every handler bears that.
      log.info(
        { event: 'dependency_unavailable', err: error, topic, message_id: message.id },
        `no ${verdict} was taken`,
      );
    }
  }
  function begin(message: IncomingMessage): void {
    const task = take(message).finally(() => inFlight.delete(task));
    inFlight.add(task);
  }
  /** Once in a while, and after everything that looks like an outage. Throws while Pub/Sub is away. */
  async function check(): Promise<void> {
    if (clock() - checkedAtMs < checkEveryMs) return;
    if (!(await pubsub.hasSubscription(topic))) {
      await pubsub.ensure(topic);
      log.info({ event: 'subscription_reopened', topic }, 'made the topic and its subscription');
    }
    checkedAtMs = clock();
  }
  async function pass(): Promise<number> {
    passBeganAtMs = clock();
    if (isPaused()) {
      isTaking = false;
      return PAUSED_MS;
    }
    try {
      await check();
      isTaking = true;
      const messages = await pubsub.pull(topic, maxInFlight - inFlight.size);
      if (messages === null) checkedAtMs = Number.NEGATIVE_INFINITY;
      messages?.forEach(begin);
    } catch (error) {
      checkedAtMs = Number.NEGATIVE_INFINITY;
      isTaking = false;
      if (isPubsubNotFound(error)) return MISSING_MS;
      throw error;
    }
    if (inFlight.size >= maxInFlight) await Promise.race(inFlight);
    return 0;
  }
  return {
    /** Whether messages are being taken: false while paused, while Pub/Sub is away, and when a call of the library never ends. */
    isOpen: () => isTaking && clock() - passBeganAtMs < MAX_PASS_MS,
    /** Something changed that the next pass should see at once. */
    wake: () => loop?.wake(),
    start(): void {
      loop = startLoop({ name: `subscriber ${topic}`, log, work: pass });
    },
    /** Takes no more messages, and waits for those at work and their acknowledgements. */
    async stop(): Promise<void> {
      isStopping = true;
      await loop?.stop();
      isTaking = false;
      await Promise.all(inFlight);
    },
  };
}
