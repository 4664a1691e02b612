import { newApiKey } from '../../api/api-key.ts';
import { insertApiKey, listApiKeys, revokeApiKey } from '../../db/api-keys.ts';
import type { Database } from '../../db/client.ts';
import { userExists } from '../../db/users.ts';
import { CommandError, UsageError, withDatabase } from '../command.ts';
import { type AdminCommand, readOptions, readUuid, required } from './command-line.ts';

/** With a thousand live keys one in 15,000 new ones begins like another: twice in a row is no chance any more. */
const MAX_MINTS = 5;

export const keyCommands: readonly AdminCommand[] = [
  {
    words: 'key add',
    usage: 'key add --user UUID | --service',
    does: 'makes an API key that acts for one user, or for any, and prints it, this once, alone on standard output',
    async run(args, io) {
      const options = readOptions(args, { user: { type: 'string' }, service: { type: 'boolean' } });
      if ((options.user === undefined) === (options.service !== true)) {
        throw new UsageError('either --user UUID or --service is needed');
      }
      const userId = options.service ? null : readUuid(options.user, 'user');
      const { key, prefix } = await withDatabase(async (db) => {
        if (userId !== null && !(await userExists(db, userId))) {
          throw new CommandError(
            `There is no user ${userId}. Add it first: npm run admin -- user add --id ${userId} …`,
          );
        }
        return mintKey(db, userId);
      });
      io.tell(`The key ${prefix}… acts for ${userId ?? 'any user'}. It is shown only now:`);
      io.say(key);
    },
  },
  {
    words: 'key list',
    usage: 'key list',
    does: 'lists all keys by their first characters, live and revoked',
    async run(args, io) {
      readOptions(args, {});
      const keys = await withDatabase(listApiKeys);
      if (keys.length === 0) io.tell('There are no keys.');
      for (const { prefix, userId, createdAt, revokedAt } of keys) {
        const state = revokedAt === null ? 'live' : `revoked ${new Date(revokedAt).toISOString()}`;
        io.say(`${prefix}  ${(userId ?? 'service').padEnd(36)}  made ${new Date(createdAt).toISOString()}  ${state}`);
      }
    },
  },
  {
    words: 'key revoke',
    usage: 'key revoke --prefix cpt_1234',
    does: 'revokes the key that begins so, from the next request on',
    async run(args, io) {
      const prefix = required(readOptions(args, { prefix: { type: 'string' } }).prefix, 'prefix');
      switch (await withDatabase((db) => revokeApiKey(db, prefix))) {
        case 'revoked':
          return io.say(`The key ${prefix}… is revoked.`);
        case 'already_revoked':
          return io.say(`The key ${prefix}… was revoked before: nothing was changed.`);
        case 'unknown':
          throw new CommandError(`No key begins with ${prefix}. See: npm run admin -- key list`);
      }
    },
  },
];

/** Keeps a new key whose beginning no live key has: it is what a key is revoked by. */
export async function mintKey(
  db: Database,
  userId: string | null,
  mint = newApiKey,
): Promise<{ readonly key: string; readonly prefix: string }> {
  for (let count = 0; count < MAX_MINTS; count += 1) {
    const { key, prefix, hash } = mint();
    if (await insertApiKey(db, { hash, prefix, userId })) return { key, prefix };
  }
  throw new CommandError('No key could be made that begins unlike every other: revoke those that nobody uses.');
}
