import { userInfo } from 'node:os';
import { loadConfig } from '../../config.ts';
import { closeOrphanByHand, listOpenOrphans, type OpenOrphan } from '../../db/orphans.ts';
import { CommandError, type CommandIo, UsageError, withDatabase } from '../command.ts';
import { type AdminCommand, readCount, readOptions, readUuid, required } from './command-line.ts';

/** More than this nobody reads line by line. */
const LIST_LIMIT = 1_000;

export const orphanCommands: readonly AdminCommand[] = [
  {
    words: 'orphan list',
    usage: 'orphan list',
    does: 'lists closed attempts whose order at Conduit has not ended, the oldest first',
    async run(args, io) {
      readOptions(args, {});
      const orphans = await withDatabase((db) => listOpenOrphans(db, LIST_LIMIT));
      if (orphans.length === 0) io.tell('No orphan is open.');
      for (const orphan of orphans) io.say(lineOf(orphan));
      if (orphans.length === LIST_LIMIT) io.tell(`The list ends after ${LIST_LIMIT}.`);
    },
  },
  {
    words: 'orphan close',
    usage: 'orphan close --order UUID --attempt N --reason "…" [--force]',
    does: 'ends an orphan of an organisation that cannot be asked any more; --force: also one that can',
    async run(args, io) {
      const options = readOptions(args, {
        order: { type: 'string' },
        attempt: { type: 'string' },
        reason: { type: 'string' },
        force: { type: 'boolean' },
      });
      const orderId = readUuid(options.order, 'order');
      const attempt = readCount(options.attempt, 'attempt');
      const reason = required(options.reason, 'reason').trim();
      if (reason.length < 5) throw new UsageError('--reason must say why, for whoever asks later');
      await close({ orderId, attempt, reason, isForced: options.force === true }, io);
    },
  },
];

function lineOf(orphan: OpenOrphan): string {
  const { orderId, attempt, organisation, baseUrl, conduitOrderId, since, until, observed } = orphan;
  const newest =
    orphan.lookupResult === null ? 'never looked up' : `${orphan.lookupResult} at ${time(orphan.lookupBegunAt)}`;
  return [
    `${orderId} attempt ${attempt}`,
    `${organisation} at ${baseUrl}`,
    conduitOrderId ?? '(no id)',
    `since ${time(since)}, absent counts from ${time(until)}`,
    `read: ${observed ?? 'nothing'}, newest: ${newest}`,
  ].join('  ');
}

function time(instant: number | null): string {
  return instant === null ? 'unknown' : new Date(instant).toISOString();
}

async function close(
  orphan: { orderId: string; attempt: number; reason: string; isForced: boolean },
  io: CommandIo,
): Promise<void> {
  const { CONDUIT_BASE_URL: baseUrl, CONDUIT_ORGANISATION: organisation } = loadConfig(process.env);
  const by = whoami();
  const closing = await withDatabase((db) => closeOrphanByHand(db, { ...orphan, here: { baseUrl, organisation }, by }));
  const name = `attempt ${orphan.attempt} of order ${orphan.orderId}`;
  switch (closing.kind) {
    case 'unknown':
      throw new CommandError(`There is no ${name} here.`);
    case 'not_open':
      return io.say(`No orphan is open for ${name}: nothing was changed.`);
    case 'in_reach':
      throw new CommandError(
        `The order of ${name} belongs to ${organisation}, which this installation asks: the service follows it to its end, and what it does there would go unseen. If you know that it has ended: --force`,
      );
    case 'moving':
      throw new CommandError(
        `Money was seen to move under ${name}, and the order is still open: the service ends it within a minute (where a transaction is still open, after its expiry). Then run the same command again.`,
      );
    case 'closed':
      io.say(`${name}: the orphan is closed by ${by}: ${orphan.reason}`);
      if (!closing.isNoted)
        io.tell(
          `The order is ${closing.orderStatus} and takes no further event: keep the line above where it is found again.`,
        );
  }
}

/** Who sits at the keyboard, as far as the system knows. */
function whoami(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid ${process.getuid?.() ?? 'unknown'}`; // A container's user often has no name.
  }
}
