import type { Database } from '../../db/client.ts';
import type { PauseScope } from '../../db/pauses.ts';
import { unansweredSends } from '../../db/sends.ts';
import type { CommandIo } from '../command.ts';

/** A permit lives two seconds and its request ten: after that a send permitted before has left or never will. */
const IN_FLIGHT_MS = 12_000;
const ASK_EVERY_MS = 200;

/** Waits until nothing in the scope that was permitted before can still be on its way, and tells what is then without a reply. */
export async function tellUnanswered(db: Database, io: CommandIo, scope: PauseScope, done: string): Promise<void> {
  const unanswered = await waitForReplies(db, scope);
  if (unanswered.length === 0) return io.say(`${done}; nothing is on its way to Conduit.`);
  io.say(`${done}; ${unanswered.length} sent before it without a reply yet:`);
  for (const { sendId, orderId } of unanswered) io.say(`  send ${sendId} of order ${orderId}`);
}

async function waitForReplies(db: Database, scope: PauseScope): Promise<{ sendId: string; orderId: string }[]> {
  const pausedAt = performance.now();
  while ((await unansweredSends(db, scope, IN_FLIGHT_MS)).length > 0) {
    await new Promise((resolve) => setTimeout(resolve, ASK_EVERY_MS));
  }
  return unansweredSends(db, scope, IN_FLIGHT_MS + performance.now() - pausedAt);
}
