import { z } from 'zod';
import { connectedProcesses } from '../../db/adopt.ts';
import type { Database } from '../../db/client.ts';
import { listPauses } from '../../db/pauses.ts';
import type { Instant } from '../../domain/order.ts';
import { CommandError, type CommandIo, UsageError } from '../command.ts';
import { adoptListed, adoptNamed, type Finding, type Named, UNSETTLED, VERDICTS, type Verdict } from './adoption.ts';
import { type AdminCommand, readCount, readOptions, readUuid, required } from './command-line.ts';
import { createPatientAsk, withConduit } from './conduit.ts';
import { type Listed, listOrdersOf } from './conduit-list.ts';

const PAUSE_FIRST = 'First: npm run admin -- pause --scope all --reason restore';

export const adoptCommands: readonly AdminCommand[] = [
  {
    words: 'adopt',
    usage:
      'adopt --since 2031-01-31T10:00:00Z [--until …] [--dry-run] [--while-running] | --order UUID --attempt N --conduit-order ord_…',
    does: "brings rows up to what Conduit has of our orders, after a restore; or tells one attempt which of Conduit's orders is its own",
    async run(args, io) {
      const options = readOptions(args, {
        since: { type: 'string' },
        until: { type: 'string' },
        'dry-run': { type: 'boolean' },
        'while-running': { type: 'boolean' },
        order: { type: 'string' },
        attempt: { type: 'string' },
        'conduit-order': { type: 'string' },
      });
      const { since, until, 'dry-run': isDryRun = false, 'while-running': isForced = false, ...named } = options;
      if (since === undefined) {
        const isOne = options.order !== undefined && until === undefined && !isDryRun && !isForced;
        if (!isOne) throw new UsageError('--since is needed, or --order with --attempt and --conduit-order alone');
        return adoptOne(readNamed(named), io);
      }
      if (Object.keys(named).length > 0) throw new UsageError('either --since, or --order with its two, not both');
      const span = readSpan(since, until);
      return adoptSince(span, { isDryRun, isForced }, io);
    },
  },
];

function readNamed(options: { order?: string; attempt?: string; 'conduit-order'?: string }): Named {
  const orderId = readUuid(options.order, 'order');
  const attempt = readCount(options.attempt, 'attempt');
  const conduitOrderId = required(options['conduit-order'], 'conduit-order');
  if (!/^ord_[0-9A-Za-z]{1,64}$/.test(conduitOrderId)) throw new UsageError('--conduit-order must be ord_…');
  return { orderId, attempt, conduitOrderId };
}

function readSpan(since: string, until: string | undefined): { createdFrom: Instant; createdTo?: Instant } {
  const createdFrom = readTime(since, 'since');
  if (createdFrom > Date.now()) throw new UsageError(`--since ${since} is still to come`);
  if (until === undefined) return { createdFrom };
  const createdTo = readTime(until, 'until');
  if (createdTo <= createdFrom) throw new UsageError('--until is not after --since');
  return { createdFrom, createdTo };
}

/** `Date.parse` alone would read the 31st of February as a later day, and so leave out orders. */
const Time = z.iso.datetime({ offset: true });

function readTime(text: string, option: string): Instant {
  if (!Time.safeParse(text).success)
    throw new UsageError(`--${option} ${text} is not a time like 2031-01-31T10:00:00Z`);
  return Date.parse(text);
}

async function adoptSince(
  span: { createdFrom: Instant; createdTo?: Instant },
  { isDryRun, isForced }: { isDryRun: boolean; isForced: boolean },
  io: CommandIo,
): Promise<void> {
  await withConduit(io, async (deps) => {
    if (!isDryRun) await refuseUnlessStill(deps.db, isForced);
    const asking = createPatientAsk(deps.wait, io);
    const listed = await listOrdersOf(deps.conduit, asking, span);
    const counts = new Map<Verdict, number>();
    const say = (finding: Finding) => {
      counts.set(finding.verdict, (counts.get(finding.verdict) ?? 0) + 1);
      io.say(lineOf(finding));
    };
    await adoptListed({ ...deps, ...asking, say }, listed, isDryRun);
    conclude(listed, counts, isDryRun, io);
  });
}

/**
 * What is adopted must not be decided upon meanwhile. A pause alone does not keep a worker from closing attempts, nor the api from
 * confirming cancels; and one that heals by a probe may end under our hands.
 */
async function refuseUnlessStill(db: Database, isForced: boolean): Promise<void> {
  const pause = (await listPauses(db)).find(({ scope }) => scope === 'all');
  if (!pause) throw new CommandError(`Orders are adopted only while everything is paused. ${PAUSE_FIRST}`);
  if (pause.healsByProbe)
    throw new CommandError(`The pause on all (${pause.reason}) would be lifted by the service itself. ${PAUSE_FIRST}`);
  const processes = await connectedProcesses(db);
  if (processes.length > 0 && !isForced) {
    throw new CommandError(
      `Connected to this database: ${processes.join(', ')}. Even under a pause they close attempts and confirm cancels from rows that have forgotten what was sent. Stop them first; --while-running adopts all the same.`,
    );
  }
}

function lineOf({ verdict, reference, theirs }: Finding): string {
  const mark = UNSETTLED.includes(verdict) ? '!' : ' ';
  const parts = [reference ?? '(no reference of ours)', theirs, VERDICTS[verdict]].filter((part) => part !== '');
  return `${mark} ${verdict.replace('_', ' ').padEnd(9)}  ${parts.join('  ')}`;
}

function conclude(
  { unreadable, pages }: Listed,
  counts: ReadonlyMap<Verdict, number>,
  isDryRun: boolean,
  io: CommandIo,
) {
  const summary = [...counts].map(([verdict, count]) => `${count} ${verdict.replace('_', ' ')}`).join(', ');
  io.say(`Read ${pages} ${pages === 1 ? 'page' : 'pages'}: ${summary === '' ? 'no orders' : summary}.`);
  if (isDryRun) io.say('Nothing was stored.');
  const open = UNSETTLED.reduce((sum, verdict) => sum + (counts.get(verdict) ?? 0), unreadable);
  if (open > 0) {
    const alsoUnreadable = unreadable > 0 ? `, and ${unreadable} that could not be read as orders` : '';
    throw new CommandError(
      `Nothing may be resumed yet. See the lines with an exclamation mark${alsoUnreadable}; docs/operations.md, Restore of PostgreSQL, says what a person does about them.`,
    );
  }
  if (!isDryRun) {
    io.say(
      'Next: start worker and bridge, still paused; when `npm run admin -- orphan list` and the pages are as you expect, npm run admin -- resume --scope all',
    );
  }
}

async function adoptOne(named: Named, io: CommandIo): Promise<void> {
  await withConduit(io, async (deps) => {
    const finding = await adoptNamed({ ...deps, ...createPatientAsk(deps.wait, io), say: () => {} }, named);
    io.say(lineOf(finding));
    if (UNSETTLED.includes(finding.verdict)) throw new CommandError('Nothing was stored.');
  });
}
