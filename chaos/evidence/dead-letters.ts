import { connectPubsub, isPubsubNotFound } from '../../src/clients/pubsub.ts';
import { TOPICS } from '../../src/db/outbox.ts';
import type { DeadLetterRow } from '../checker/rows.ts';

const PAGE = 100;

/** What was put aside until now, and is taken out, so that the next experiment answers for its own. */
export async function takeDeadLetters(env: Readonly<Record<string, string>>): Promise<DeadLetterRow[]> {
  const { PUBSUB_EMULATOR_HOST: emulatorHost, PUBSUB_PROJECT_ID: projectId = '' } = env;
  const pubsub = connectPubsub({ projectId, emulatorHost });
  try {
    return (await Promise.all(TOPICS.map((topic) => takeFrom(pubsub, topic)))).flat();
  } finally {
    await pubsub.close();
  }
}

async function takeFrom(pubsub: ReturnType<typeof connectPubsub>, topic: string): Promise<DeadLetterRow[]> {
  const letters: DeadLetterRow[] = [];
  try {
    for (;;) {
      const page = await pubsub.deadLetters.pull(topic, PAGE);
      // No answer in time is what a frozen server and an empty box have in common: this throws when nobody is there.
      if (page === null) await pubsub.hasSubscription(topic);
      if (page === null || page.length === 0) return letters;
      for (const message of page) {
        const { data, attributes } = message;
        letters.push({
          topic,
          reason: attributes['parked_reason'] ?? null,
          data: data.toString('utf8').slice(0, 2_000),
        });
        await pubsub.deadLetters.acknowledge(topic, message);
      }
    }
  } catch (error) {
    if (!isPubsubNotFound(error)) throw error;
    // What would be put aside now would be lost.
    return [...letters, { topic, reason: 'there is no box for what is put aside', data: '' }];
  }
}
