import { type Database, inTransaction, isSqlState, LOCK_NOT_AVAILABLE } from '../../db/client.ts';
import { addPause, liftPause, listPauses, type PauseScope } from '../../db/pauses.ts';
import { forgetBaseline } from '../../db/rate-watch.ts';
import { parsePair } from '../../domain/assets.ts';
import { UsageError, withDatabase } from '../command.ts';
import { type AdminCommand, readOptions, required } from './command-line.ts';
import { tellUnanswered } from './in-flight.ts';

const SCOPES = 'all | pair:USDT.ethereum-USDC.ethereum | account:wlt_…';

export const pauseCommands: readonly AdminCommand[] = [
  {
    words: 'pause',
    usage: `pause --scope ${SCOPES} [--reason "…"]`,
    does: 'permits no further create or execute; answers when each one permitted before has its reply, or after 12 s',
    async run(args, io) {
      const options = readOptions(args, { scope: { type: 'string' }, reason: { type: 'string' } });
      const scope = readScope(options.scope);
      const reason = options.reason ?? 'set by an operator';
      await withDatabase(async (db) => {
        await setPause(db, { scope, reason, automatic: false, healsByProbe: false });
        io.tell(`Paused ${scope}: no create or execute is permitted any more. Look-ups, cancels and expiry go on.`);
        await tellUnanswered(db, io, scope, `Paused ${scope}`);
      });
    },
  },
  {
    words: 'pause list',
    usage: 'pause list',
    does: 'lists what is paused, the oldest first: since when, why, and who may lift it',
    async run(args, io) {
      readOptions(args, {});
      const pauses = await withDatabase(listPauses);
      if (pauses.length === 0) io.tell('Nothing is paused.');
      for (const { scope, reason, automatic, healsByProbe, createdAt } of pauses) {
        const by = automatic ? 'set by the service' : 'set by a person';
        const until = healsByProbe ? 'until a call succeeds' : 'until `resume`';
        io.say(`${scope}  since ${new Date(createdAt).toISOString()}  ${by}, ${until}: ${reason}`);
      }
    },
  },
  {
    words: 'resume',
    usage: `resume --scope ${SCOPES}`,
    does: 'lifts a pause, whoever set it',
    async run(args, io) {
      const scope = readScope(readOptions(args, { scope: { type: 'string' } }).scope);
      const wasPaused = await withDatabase((db) =>
        inTransaction(db, async (tx) => {
          const isLifted = await liftPause(tx, scope);
          // Whoever resumes a pair has judged its rate: the old one must not pause it again at the next tick.
          if (isLifted && scope.startsWith('pair:')) await forgetBaseline(tx, scope.slice('pair:'.length));
          return isLifted;
        }),
      );
      io.say(wasPaused ? `Resumed ${scope}.` : `${scope} was not paused: nothing was changed.`);
    },
  },
];

const TRIES = 5;

/** A permit whose process stands still may hold the lock for two seconds, which is longer than one is waited for. */
async function setPause(db: Database, pause: Parameters<typeof addPause>[1]): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      await inTransaction(db, (tx) => addPause(tx, pause));
      return;
    } catch (error) {
      if (tries >= TRIES || !isSqlState(error, LOCK_NOT_AVAILABLE)) throw error;
    }
  }
}

function readScope(value: string | undefined): PauseScope {
  const text = required(value, 'scope');
  const [kind, ...rest] = text.split(':');
  const name = rest.join(':');
  if (text === 'all') return 'all';
  if (kind === 'account' && /^(wlt|vac)_[0-9A-Za-z]{1,64}$/.test(name)) return `account:${name}`;
  if (kind === 'pair' && isPair(name)) return `pair:${name}`;
  throw new UsageError(`--scope ${text} is not one of: ${SCOPES}`);
}

function isPair(text: string): boolean {
  try {
    parsePair(text);
    return true;
  } catch {
    return false;
  }
}
