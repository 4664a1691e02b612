import type { Pubsub } from '../clients/pubsub.ts';
import type { Database } from '../db/client.ts';
import { claimMessages, markPublished, type OutboxMessage, releaseMessages, TOPICS, type Topic } from '../db/outbox.ts';
import type { Logger } from '../logger.ts';
import type { Metrics } from '../metrics.ts';
import { type Loop, startLoop } from './loop.ts';

export interface RelayDeps {
  readonly db: Database;
  readonly pubsub: Pick<Pubsub, 'ensure' | 'publish'>;
  readonly log: Logger;
  readonly metrics: Metrics;
}

/** One publish request holds 1,000 messages at most; a batch this size is marked in one short statement. */
const BATCH = 200;
/** Over twice what a publish and its mark may take: nobody else publishes a message while this relay may still do so. */
const LEASE_MS = 30_000;
/** How long an idle relay lets a new message wait. */
const IDLE_MS = 200;

/**
 * Publishes what the transactions left in the outbox, at least once each: a message is marked only when Pub/Sub has confirmed
 * it, so a relay that dies in between leaves it to the end of its lease, and then another publishes it again.
 */
export function createRelay({ db, pubsub, log, metrics }: RelayDeps) {
  /** Topics that are there as far as we know: one that has failed is looked at, with its subscription, before the next try. */
  const ready = new Set<Topic>();
  /** Confirmed, but the database did not take the mark: it is made up for first, or they would all be published again. */
  let unmarked: string[] = [];

  async function mark(messageIds: string[]): Promise<void> {
    unmarked = messageIds;
    if (messageIds.length > 0) await markPublished(db, messageIds);
    unmarked = [];
  }

  async function publishTopic(topic: Topic, messages: readonly OutboxMessage[]): Promise<void> {
    if (messages.length === 0) return;
    try {
      await pubsub.publish(
        topic,
        messages.map(({ payload }) => ({ data: Buffer.from(JSON.stringify(payload)) })),
      );
    } catch (error) {
      ready.delete(topic);
      metrics.messages.inc({ topic, result: 'publish_failed' }, messages.length);
      throw error;
    }
    metrics.messages.inc({ topic, result: 'published' }, messages.length);
    log.debug({ event: 'message_published', topic, count: messages.length }, 'published');
  }

  /** One batch. Returns how many messages it published; throws when any could not be. */
  async function pass(): Promise<number> {
    await mark(unmarked);
    // Before the claim, so that a lease is not spent waiting for Pub/Sub. A topic without its subscription would swallow messages.
    for (const topic of TOPICS) {
      if (ready.has(topic)) continue;
      await pubsub.ensure(topic);
      ready.add(topic);
    }
    const claimed = await claimMessages(db, BATCH, LEASE_MS);
    const batches = TOPICS.map((topic) => claimed.filter((message) => message.topic === topic));
    const results = await Promise.allSettled(TOPICS.map((topic, i) => publishTopic(topic, batches[i] ?? [])));
    const idsWhere = (status: 'fulfilled' | 'rejected') =>
      batches
        .filter((_, i) => results[i]?.status === status)
        .flatMap((batch) => batch.map(({ messageId }) => messageId));
    await mark(idsWhere('fulfilled'));
    const failed = results.find((result) => result.status === 'rejected');
    if (failed) {
      await releaseMessages(db, idsWhere('rejected'));
      throw failed.reason;
    }
    return claimed.length;
  }

  return {
    pass,
    start: (): Loop => startLoop({ name: 'relay', log, work: async () => ((await pass()) > 0 ? 0 : IDLE_MS) }),
  };
}
