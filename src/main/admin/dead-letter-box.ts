import { type IncomingMessage, isPubsubNotFound, type Pubsub } from '../../clients/pubsub.ts';
import type { Topic } from '../../db/outbox.ts';
import { type DeadLetter, readDeadLetter } from './dead-letter.ts';

/** What was pulled stays ours for so long, and comes back by itself when this command dies: long enough for a page of publishes. */
const HOLD_S = 60;
const PAGE = 100;
export type DeadLetterBox = ReturnType<typeof openBox>;

/** Opens the box of a topic for `use`, and puts back what was not taken out. Of two failures the first is told: it is the reason. */
export async function withBox<T>(
  pubsub: Pick<Pubsub, 'deadLetters' | 'hasSubscription'>,
  topic: Topic,
  use: (box: DeadLetterBox) => Promise<T>,
): Promise<T> {
  const box = openBox(pubsub, topic);
  let result: T;
  try {
    result = await use(box);
  } catch (error) {
    // What is not put back now comes back by itself when its hold ends.
    await box.putBack().catch(() => {});
    throw error;
  }
  await box.putBack();
  return result;
}

/** The dead letters of one topic while a command looks at them: each is read once, and what is not taken out is put back. */
function openBox({ deadLetters, hasSubscription }: Pick<Pubsub, 'deadLetters' | 'hasSubscription'>, topic: Topic) {
  /** By id, with the newest delivery of each: one whose hold has ended is delivered again. */
  const held = new Map<string, IncomingMessage>();
  const seen = new Set<string>();

  /**
   * Up to `limit` letters that were not read yet; an empty page is the end: a pull waits for a first one for as long as it may. None
   * at all when nobody has made the box yet.
   */
  async function next(limit: number): Promise<DeadLetter[]> {
    for (;;) {
      const pulled = await pull(Math.min(limit, PAGE));
      if (pulled.length === 0) return [];
      // Also what cannot be held is ours for some seconds, and shall be put back.
      for (const message of pulled) held.set(message.id, message);
      await deadLetters.hold(topic, pulled, HOLD_S);
      const fresh = pulled.filter(({ id }) => !seen.has(id));
      for (const { id } of fresh) seen.add(id);
      if (fresh.length > 0) return fresh.map((message) => readDeadLetter(topic, message));
    }
  }

  async function pull(limit: number): Promise<IncomingMessage[]> {
    try {
      const pulled = await deadLetters.pull(topic, limit);
      // No answer in time is what a frozen server has in common with an empty box: this one throws when nobody is there.
      if (pulled === null) await hasSubscription(topic);
      return pulled ?? [];
    } catch (error) {
      if (isPubsubNotFound(error)) return [];
      throw error;
    }
  }

  return {
    next,

    /** Takes one out for good. Throws when Pub/Sub does not confirm it: it is then there again when its hold ends. */
    async takeOut({ message }: DeadLetter): Promise<void> {
      const newest = held.get(message.id) ?? message;
      await deadLetters.acknowledge(topic, newest);
      held.delete(message.id);
    },

    /** Puts back what was not taken out, so that the next command sees it at once. */
    async putBack(): Promise<void> {
      const rest = [...held.values()];
      for (let i = 0; i < rest.length; i += PAGE) await deadLetters.hold(topic, rest.slice(i, i + PAGE), 0);
      held.clear();
    },
  };
}
