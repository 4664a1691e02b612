import { type AccountOfAsset, setUserAccounts, type UserChange } from '../../db/users.ts';
import { assetText, parseAsset } from '../../domain/assets.ts';
import { CommandError, type CommandIo, UsageError, withDatabase } from '../command.ts';
import { type AdminCommand, readOptions, readUuid } from './command-line.ts';
import { tellUnanswered } from './in-flight.ts';

const ACCOUNT = /^([A-Za-z]+)(?::([a-z]+))?=((?:wlt|vac)_[0-9A-Za-z]{1,64})$/;
const CUSTOMER = /^cus_[0-9A-Za-z]{1,64}$/;

export const userCommands: readonly AdminCommand[] = [
  {
    words: 'user add',
    usage: 'user add --id UUID --account USDT:ethereum=wlt_… --account USD=vac_… [--customer cus_…]',
    does: "makes these the user's Conduit accounts, all of them; run again with others it replaces them",
    async run(args, io) {
      const options = readOptions(args, {
        id: { type: 'string' },
        account: { type: 'string', multiple: true },
        customer: { type: 'string' },
      });
      const userId = readUuid(options.id, 'id');
      const accounts = (options.account ?? []).map(readAccount);
      if (accounts.length === 0) throw new UsageError('at least one --account is needed');
      refuseTwice(accounts);
      const customerId = options.customer ?? null;
      if (customerId !== null && !CUSTOMER.test(customerId)) throw new UsageError('--customer must be cus_…');

      await withDatabase(async (db) => {
        const change = await setUserAccounts(db, { userId, customerId, accounts });
        tellChange(io, userId, change);
        if (change.kind !== 'replaced') return;
        for (const { accountId } of change.deactivated)
          await tellUnanswered(db, io, `account:${accountId}`, `Account ${accountId} is out of use`);
      });
    },
  },
];

function tellChange(io: CommandIo, userId: string, change: UserChange): void {
  if (change.kind === 'refused')
    throw new CommandError(`Account ${change.accountId} belongs to another user: nothing was changed.`);
  if (change.kind === 'unchanged') io.say(`User ${userId} has these accounts already: nothing was changed.`);
  if (change.kind === 'created') io.say(`User ${userId} added with ${list(change.activated)}.`);
  if (change.kind !== 'replaced') return;
  io.say(`User ${userId} changed: ${list(change.activated)} now in use, ${list(change.deactivated)} no longer.`);
  if (change.deactivated.length > 0)
    io.tell('Open orders of an account no longer in use get no further permit; waiting for what was permitted before.');
}

function list(accounts: readonly AccountOfAsset[]): string {
  return accounts.length === 0 ? 'none' : accounts.map(({ accountId, asset }) => `${accountId} (${asset})`).join(', ');
}

function readAccount(text: string): AccountOfAsset {
  const [, code, network, accountId] = ACCOUNT.exec(text) ?? [];
  if (!code || !accountId)
    throw new UsageError(`--account ${text} is not of the form USDT:ethereum=wlt_… or USD=vac_…`);
  const asset = parseAsset(code, network ?? null);
  if (typeof asset === 'string') throw new UsageError(`--account ${text}: ${asset.replaceAll('_', ' ')}`);
  return { asset: assetText(asset), accountId };
}

function refuseTwice(accounts: readonly AccountOfAsset[]): void {
  const assets = accounts.map(({ asset }) => asset);
  const twice = assets.find((asset, index) => assets.indexOf(asset) !== index);
  if (twice) throw new UsageError(`two accounts are given for ${twice}`);
}
