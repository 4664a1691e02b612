import { type Asset, assetText, type Money, money, parseAsset } from '../core/assets.ts';
import { Exact } from '../core/exact.ts';
import type { KnobBoard } from '../core/knobs.ts';
import { isProblemCode, Problem, type ProblemCode } from '../wire/problem.ts';
import type { Book } from './book.ts';
import type { Account } from './entries.ts';

/** What an asset that nobody has set a balance for is shown to hold. It is never used up. */
const PLENTY = new Exact('1000000000');
const SHOWN = { wallet: ['USDT.ethereum', 'USDC.ethereum'], virtual_account: ['USD', 'EUR'] };
export type AccountKind = keyof typeof SHOWN;

type AccountChange = {
  customerId?: string | null | undefined;
  active?: boolean | undefined;
  refusalCode?: string | undefined;
  /** Asset texts; null takes orders for any again. */
  assets?: string[] | null | undefined;
  /** By asset text (`USDT.ethereum`); null puts the asset back to plenty. */
  balances?: Record<string, string | null> | undefined;
};

export type AccountView = {
  id: string;
  customerId: string | null;
  status: 'active' | 'inactive';
  balances: { available: Money; pending: Money; frozen: Money }[];
};

export type Accounts = {
  get(id: string): Account;
  /** The account as the API shows it: one that the desk never named may be one that Conduit does not know. */
  lookUp(id: string): Account;
  /** All accounts of one kind that were told to belong to a customer. */
  ofCustomer(kind: AccountKind, customerId: string): Account[];
  /** Refuses an order on an account that is inactive or, when the knob says so, unknown. */
  refuseUnusable(id: string, side: AccountSide): void;
  /** Refuses an order for an asset that the account is not for. */
  refuseAsset(id: string, side: AccountSide, asset: Asset): void;
  holds(id: string, amount: Money): boolean;
  /** Adds (or with `-1` takes) an amount; an asset in plenty stays so. */
  move(id: string, amount: Money, sign: 1 | -1): void;
  change(id: string, change: AccountChange): Account;
  view(kind: AccountKind, account: Account): AccountView;
};

type AccountSide = 'source' | 'destination';

/** Of the codes that a create may be refused with, the ones that speak of an account which cannot be used as this side. */
const REFUSALS: Record<AccountSide, ProblemCode> = {
  source: 'NON_CUSTODIAL_SOURCE_NOT_SUPPORTED',
  destination: 'DESTINATION_NOT_ACTIVATED',
};
const ASSET_REFUSALS: Record<AccountSide, ProblemCode> = {
  source: 'QUOTE_ASSET_MISMATCH',
  destination: 'DESTINATION_ASSET_NOT_ACCEPTED',
};

function idPrefix(kind: AccountKind): string {
  return kind === 'wallet' ? 'wlt_' : 'vac_';
}

export function createAccounts({ book, knobs }: { book: Book; knobs: KnobBoard }): Accounts {
  function isUnknown(id: string): boolean {
    return knobs.get().unknownAccounts === 'refuse' && !book.accounts.has(id);
  }

  /** Any well-formed id is an active account with plenty of everything, until something else is said about it. */
  function get(id: string): Account {
    return book.accounts.get(id) ?? { id, customerId: null, active: true, balances: {} };
  }

  function available(account: Account, asset: Asset): Exact | undefined {
    const amount = account.balances[assetText(asset)];
    return amount === undefined ? undefined : new Exact(amount);
  }

  return {
    get,
    ofCustomer: (kind, customerId) =>
      [...book.accounts.values()].filter((one) => one.customerId === customerId && one.id.startsWith(idPrefix(kind))),
    lookUp(id) {
      if (isUnknown(id)) throw new Problem('NOT_FOUND', `there is no account ${id}`);
      return get(id);
    },
    refuseUnusable(id, side) {
      if (isUnknown(id)) throw new Problem(REFUSALS[side], `the ${side} account ${id} is not one of ours`);
      const account = get(id);
      if (account.active) return;
      const code = account.refusalCode ?? REFUSALS[side];
      throw new Problem(isProblemCode(code) ? code : REFUSALS[side], `the ${side} account ${id} is not active`);
    },
    refuseAsset(id, side, asset) {
      const { assets } = get(id);
      if (assets === undefined || assets.includes(assetText(asset))) return;
      throw new Problem(ASSET_REFUSALS[side], `the ${side} account ${id} is not for ${assetText(asset)}`);
    },
    holds(id, amount) {
      const held = available(get(id), amount);
      return held === undefined || held.gte(amount.amount);
    },
    move(id, amount, sign) {
      const account = get(id);
      const held = available(account, amount);
      if (held === undefined) return;
      const balance = money(amount, held.plus(new Exact(amount.amount).times(sign))).amount;
      book.record({
        event: 'account.changed',
        account: { ...account, balances: { ...account.balances, [assetText(amount)]: balance } },
      });
    },
    change(id, change) {
      const old = get(id);
      const account: Account = {
        ...old,
        customerId: change.customerId === undefined ? old.customerId : change.customerId,
        active: change.active ?? old.active,
        balances: { ...old.balances },
      };
      if (change.refusalCode !== undefined) account.refusalCode = change.refusalCode;
      if (change.assets === null) delete account.assets;
      else if (change.assets !== undefined) account.assets = change.assets;
      for (const [asset, amount] of Object.entries(change.balances ?? {})) {
        if (amount === null) delete account.balances[asset];
        else account.balances[asset] = amount;
      }
      book.record({ event: 'account.changed', account });
      return account;
    },
    view(kind, account) {
      const texts = new Set([...(account.assets ?? SHOWN[kind]), ...Object.keys(account.balances)]);
      const balances = [...texts].flatMap((text) => {
        const asset = parseAsset(text);
        if (!asset) return [];
        const zero = money(asset, new Exact(0));
        return [{ available: money(asset, available(account, asset) ?? PLENTY), pending: zero, frozen: zero }];
      });
      return {
        id: account.id,
        customerId: account.customerId,
        status: account.active ? 'active' : 'inactive',
        balances,
      };
    },
  };
}
