import { connectPubsub, isPubsubUnavailable, type Pubsub } from '../../clients/pubsub.ts';
import { loadSettings } from '../../config.ts';
import { TOPICS, type Topic } from '../../db/outbox.ts';
import { CommandError, UsageError, withDatabase } from '../command.ts';
import { type AdminCommand, readCount, readOptions } from './command-line.ts';
import { type DeadLetter, lineOf } from './dead-letter.ts';
import { type DeadLetterBox, withBox } from './dead-letter-box.ts';
import { type Done, replay } from './dead-letter-replay.ts';

const DEFAULT_LIMIT = 100;
/** More than this nobody reads line by line. */
const MAX_LIMIT = 1_000;
/** As many as one call looks at; run again, one that takes all of them goes on. */
const MAX_REPLAYED = 10_000;

const TOPIC = { topic: { type: 'string' } } as const;
const IDS = { id: { type: 'string', multiple: true } } as const;

export const deadLetterCommands: readonly AdminCommand[] = [
  {
    words: 'dead-letters list',
    usage: `dead-letters list [--topic ${TOPICS.join(' | ')}] [--limit ${DEFAULT_LIMIT}]`,
    does: 'lists what lies among the dead letters, why and since when; everything stays where it is',
    async run(args, io) {
      const options = readOptions(args, { ...TOPIC, limit: { type: 'string' } });
      const topics = readTopics(options.topic);
      const limit = options.limit === undefined ? DEFAULT_LIMIT : readCount(options.limit, 'limit');
      if (limit > MAX_LIMIT) throw new UsageError(`--limit ${limit} is more than ${MAX_LIMIT}`);
      await withPubsub(async (pubsub) => {
        const lists = topics.map((topic) => withBox(pubsub, topic, (box) => read(box, limit)));
        for (const [i, letters] of (await Promise.all(lists)).entries()) {
          for (const letter of letters) io.say(lineOf(letter));
          if (letters.length === 0) io.tell(`No dead letter of ${topics[i]}.`);
          if (letters.length >= limit) io.tell(`The list of ${topics[i]} ends after ${limit}.`);
        }
      });
    },
  },
  {
    words: 'dead-letters replay',
    usage: 'dead-letters replay [--topic …] --id ID [--id ID …] | --all',
    does: 'publishes dead letters to their topic again, each taken out once that is confirmed; what cannot be read stays',
    async run(args, io) {
      const options = readOptions(args, { ...TOPIC, ...IDS, all: { type: 'boolean' } });
      const topics = readTopics(options.topic);
      if ((options.id === undefined) === (options.all !== true)) throw new UsageError('either --id or --all is needed');
      await withPubsub((pubsub) =>
        withDatabase((db) =>
          work(topics, options.id ?? null, pubsub, (letter, box) => replay({ pubsub, db, io }, letter, box)),
        ),
      );
    },
  },
  {
    words: 'dead-letters discard',
    usage: 'dead-letters discard [--topic …] --id ID [--id ID …]',
    does: 'takes dead letters out for good and shows what they were; no order depends on one',
    async run(args, io) {
      const options = readOptions(args, { ...TOPIC, ...IDS });
      const topics = readTopics(options.topic);
      if (options.id === undefined) throw new UsageError('--id is missing');
      await withPubsub((pubsub) =>
        work(topics, options.id ?? null, pubsub, async (letter, box) => {
          await box.takeOut(letter);
          io.say(`discarded  ${lineOf(letter)}`);
          return 'done';
        }),
      );
    },
  },
];

function readTopics(named: string | undefined): readonly Topic[] {
  if (named === undefined) return TOPICS;
  const topic = TOPICS.find((name) => name === named);
  if (!topic) throw new UsageError(`--topic ${named} is not one of: ${TOPICS.join(', ')}`);
  return [topic];
}

async function withPubsub(use: (pubsub: Pubsub) => Promise<void>): Promise<void> {
  const settings = loadSettings(process.env, ['PUBSUB_PROJECT_ID', 'PUBSUB_EMULATOR_HOST']);
  const { PUBSUB_PROJECT_ID: projectId, PUBSUB_EMULATOR_HOST: emulatorHost } = settings;
  const pubsub = connectPubsub({ projectId, emulatorHost });
  try {
    await use(pubsub);
  } catch (error) {
    if (!isPubsubUnavailable(error)) throw error;
    const place = emulatorHost ?? 'Google';
    throw new CommandError(
      `Pub/Sub (project ${projectId} at ${place}) does not answer or does not let us in: ${textOf(error)}`,
    );
  } finally {
    await pubsub.close();
  }
}

/** Up to `limit` letters. */
async function read(box: DeadLetterBox, limit: number): Promise<DeadLetter[]> {
  const letters: DeadLetter[] = [];
  while (letters.length < limit) {
    const page = await box.next(limit - letters.length);
    if (page.length === 0) break;
    letters.push(...page);
  }
  return letters;
}

/** Does `act` for the letters with these ids, or for all. Throws {@link CommandError} when anything that was asked for is left. */
async function work(
  topics: readonly Topic[],
  ids: readonly string[] | null,
  pubsub: Pubsub,
  act: (letter: DeadLetter, box: DeadLetterBox) => Promise<Done>,
): Promise<void> {
  const missing = new Set(ids ?? []);
  const isWanted = ({ message }: DeadLetter) => ids === null || missing.has(message.id);
  let left = 0;
  let count = 0;
  for (const topic of topics) {
    if (ids !== null && missing.size === 0) break;
    await withBox(pubsub, topic, async (box) => {
      for (let letters = await box.next(MAX_LIMIT); letters.length > 0; letters = await box.next(MAX_LIMIT)) {
        for (const letter of letters.filter(isWanted)) {
          if ((await act(letter, box)) === 'stays') left += 1;
          missing.delete(letter.message.id);
        }
        if (ids !== null && missing.size === 0) break;
        count += letters.length;
        if (count < MAX_REPLAYED) continue;
        throw new CommandError(
          ids === null
            ? `Stopped after ${MAX_REPLAYED}: run the same command again to go on.`
            : `Not among the first ${MAX_REPLAYED}: ${[...missing].join(', ')}. Look into one --topic alone, or replay or discard some of those before it first.`,
        );
      }
    });
  }
  if (missing.size > 0)
    throw new CommandError(`No dead letter with the id ${[...missing].join(', ')}: nothing was done for it.`);
  if (left > 0)
    throw new CommandError(
      `${left} ${left === 1 ? 'stays' : 'stay'}, see above. One that nobody needs: dead-letters discard --id ID`,
    );
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
