import type { Pubsub } from '../../clients/pubsub.ts';
import type { Database } from '../../db/client.ts';
import { findOrder } from '../../db/orders.ts';
import { CommandError, type CommandIo } from '../command.ts';
import { attributesToReplay, type DeadLetter, lineOf } from './dead-letter.ts';
import type { DeadLetterBox } from './dead-letter-box.ts';

/** What became of one letter. `stays`: it was not done, for a reason that was said. */
export type Done = 'done' | 'stays';

export interface ReplayDeps {
  readonly pubsub: Pick<Pubsub, 'hasSubscription' | 'publish'>;
  readonly db: Database;
  readonly io: CommandIo;
}

/**
 * Publishes a letter to its topic first, and takes the letter out only when that is confirmed: a crash between the two publishes it twice, which every handler
 * bears, and loses it never. What the bridge would only park again stays.
 */
export async function replay(
  { pubsub, db, io }: ReplayDeps,
  letter: DeadLetter,
  box: Pick<DeadLetterBox, 'takeOut'>,
): Promise<Done> {
  const fault = letter.fault ?? (await faultOfOrder(db, letter));
  if (fault !== null) {
    io.say(`stays      ${lineOf(letter)}: ${fault}`);
    return 'stays';
  }
  const { topic, message } = letter;
  // A topic without its subscription takes messages and keeps none.
  if (!(await pubsub.hasSubscription(topic)))
    throw new CommandError(
      `Nobody would receive what is published to ${topic}: start a bridge, which makes its subscription.`,
    );
  await pubsub.publish(topic, [{ data: message.data, attributes: attributesToReplay(letter) }]);
  try {
    await box.takeOut(letter);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    io.say(`replayed   ${lineOf(letter)}, and stays too (${why}): replaying it again does no harm`);
    return 'stays';
  }
  io.say(`replayed   ${lineOf(letter)}`);
  return 'done';
}

/** A new order's message without that order is parked each time; of the others a message without a run is simply done. */
async function faultOfOrder(db: Database, { topic, orderId }: DeadLetter): Promise<string | null> {
  if (topic !== 'order-checks' || orderId === null || (await findOrder(db, orderId))) return null;
  return 'unknown_order, there is no such order here';
}
