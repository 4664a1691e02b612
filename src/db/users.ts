import { type Database, inTransaction, type Sql, type Transaction } from './client.ts';

/** One account at the provider, and the asset it holds: `USDT.ethereum` or `USD`. */
export interface AccountOfAsset {
  readonly asset: string;
  readonly accountId: string;
}

export interface UserAccounts {
  readonly userId: string;
  /** Null leaves a stored one as it is. */
  readonly customerId: string | null;
  readonly accounts: readonly AccountOfAsset[];
}

/** `unchanged`: everything was so already. `refused`: an account is another user's. */
export type UserChange =
  | { readonly kind: 'unchanged' }
  | {
      readonly kind: 'created' | 'replaced';
      readonly activated: readonly AccountOfAsset[];
      readonly deactivated: readonly AccountOfAsset[];
    }
  | { readonly kind: 'refused'; readonly accountId: string };

interface StoredAccount extends AccountOfAsset {
  readonly userId: string;
  readonly active: boolean;
}

/** Changes of users queue here: they are rare, and an account must not be given to two users at once. */
const USERS_LOCK = 7_201_003;

/**
 * Makes `accounts` the user's active ones, all of them and no others; the user is created when there is none. Orders stay bound to
 * the accounts they were placed with, and a permit needs both of them active: when this has answered, no order gets a permit for an
 * account that it put out of use; what was permitted before may still leave.
 */
export async function setUserAccounts(db: Database, user: UserAccounts): Promise<UserChange> {
  const { userId, accounts } = user;
  return inTransaction(db, async (tx): Promise<UserChange> => {
    await tx`select pg_advisory_xact_lock(${USERS_LOCK})`;
    // In the order in which permits lock them; an update then waits for the permits that hold them.
    const stored = await tx<StoredAccount[]>`
      select account_id, user_id, asset, active from conduit_accounts
      where user_id = ${userId} or account_id = any (${accounts.map(({ accountId }) => accountId)})
      order by account_id for update`;
    for (const { accountId } of accounts) {
      const held = stored.find((account) => account.accountId === accountId);
      if (held && held.userId !== userId) return { kind: 'refused', accountId };
    }

    const inserted = await tx`insert into users (user_id) values (${userId}) on conflict do nothing`;
    const isCustomerNew = await setCustomer(tx, user);
    const changes = await switchAccounts(tx, user, stored);
    if (inserted.count === 1) return { kind: 'created', ...changes };
    const isSame = changes.activated.length === 0 && changes.deactivated.length === 0 && !isCustomerNew;
    return isSame ? { kind: 'unchanged' } : { kind: 'replaced', ...changes };
  });
}

async function setCustomer(tx: Transaction, { userId, customerId }: UserAccounts): Promise<boolean> {
  if (customerId === null) return false;
  const changed = await tx`
    update users set customer_id = ${customerId} where user_id = ${userId} and customer_id is distinct from ${customerId}`;
  return changed.count === 1;
}

async function switchAccounts(
  tx: Transaction,
  { userId, accounts }: UserAccounts,
  stored: readonly StoredAccount[],
): Promise<{ activated: readonly AccountOfAsset[]; deactivated: readonly AccountOfAsset[] }> {
  const isIn = (list: readonly AccountOfAsset[], one: AccountOfAsset) =>
    list.some(({ accountId, asset }) => accountId === one.accountId && asset === one.asset);
  const active = stored.filter((account) => account.active);
  const deactivated = active.filter((account) => !isIn(accounts, account));
  const activated = accounts.filter((account) => !isIn(active, account));
  // The old one goes first: only one account of an asset may be active at a time.
  for (const { accountId, asset } of deactivated) {
    await tx`update conduit_accounts set active = false where account_id = ${accountId} and asset = ${asset}`;
  }
  for (const { accountId, asset } of activated) {
    await tx`
      insert into conduit_accounts (account_id, user_id, asset) values (${accountId}, ${userId}, ${asset})
      on conflict (account_id, asset) do update set active = true`;
  }
  return { activated, deactivated };
}

/** The assets for which a user has an active account, for display. */
export async function activeAssets(sql: Sql, userId: string): Promise<string[]> {
  const rows = await sql<{ asset: string }[]>`
    select asset from conduit_accounts where user_id = ${userId} and active order by asset`;
  return rows.map(({ asset }) => asset);
}

export async function userExists(sql: Sql, userId: string): Promise<boolean> {
  const rows = await sql`select 1 from users where user_id = ${userId}`;
  return rows.length === 1;
}
