import { randomUUID } from 'node:crypto';
import type { UserCache } from '../clients/redis-cache.ts';
import { type Database, isRefusedBy } from '../db/client.ts';
import { findKey, type HeldKey } from '../db/idempotency-keys.ts';
import { loadOrderSnapshot, type OrderSnapshot } from '../db/order-snapshots.ts';
import { loadPlacement, type Placement, placeOrder } from '../db/place-order.ts';
import { activeAssets } from '../db/users.ts';
import { assetText } from '../domain/assets.ts';
import { Decimal } from '../domain/decimal.ts';
import { DomainError } from '../domain/errors.ts';
import type { Instant } from '../domain/order.ts';
import { ownLookInMs } from '../domain/timing.ts';
import type { Metrics } from '../metrics.ts';
import type { CreateOrder } from './create-order.ts';
import type { CreationQuote, QuoteWish } from './creation-quotes.ts';
import { borrowedTermsOf, type TermLimits, type Terms, termsOf } from './order-terms.ts';
import { HASH_VERSION, requestHash } from './request-hash.ts';

export interface OrderLimits extends TermLimits {
  readonly minExpiryMs: number;
  readonly maxExpiryMs: number;
  readonly maxAmount: string;
}

export interface AcceptOrderDeps {
  readonly db: Database;
  readonly users: UserCache;
  readonly quoteFor: (wish: QuoteWish) => Promise<CreationQuote>;
  /** How old the quote behind an order may be when the order is stored. */
  readonly quoteMaxAgeMs: number;
  readonly limits: OrderLimits;
  readonly metrics: Metrics;
}

export interface AcceptedOrder {
  readonly order: OrderSnapshot;
  /** The key had its order already. */
  readonly replayed: boolean;
}

/**
 * Places orders. The stored key comes before everything that may change with time: a repeat finds its order while Conduit is down, after
 * its expiry, under new limits. Throws DomainError for every refusal.
 */
export function createAcceptOrder(deps: AcceptOrderDeps) {
  const { db, limits, metrics, quoteMaxAgeMs } = deps;

  return async function acceptOrder(wanted: CreateOrder): Promise<AcceptedOrder> {
    const held = await findKey(db, wanted.userId, wanted.idempotencyKey);
    if (held) return replay(wanted, held);
    try {
      return await place(wanted);
    } catch (refusal) {
      if (!(refusal instanceof DomainError)) throw refusal;
      // A twin of this request may have won while this one was being judged: then there is an order to answer with.
      const twin = await findKey(db, wanted.userId, wanted.idempotencyKey);
      if (twin) return replay(wanted, twin);
      throw refusal;
    }
  };

  async function place(wanted: CreateOrder): Promise<AcceptedOrder> {
    const { userId, from, to } = wanted;
    const placement = await loadPlacement(db, { userId, from: assetText(from), to: assetText(to) });
    checkLimits(wanted, placement.now);
    const { sourceAccount, destinationAccount } = await accountsOf(wanted, placement);
    const terms = await quotedTerms(wanted, placement.gateClosedForMs);
    const id = randomUUID();
    const placed = await placeOrder(
      db,
      {
        id,
        userId,
        pair: wanted.pair,
        fromCurrency: from.currency,
        fromNetwork: from.network,
        toCurrency: to.currency,
        toNetwork: to.network,
        sourceAccount,
        destinationAccount,
        amount: wanted.amount,
        targetRate: wanted.targetRate,
        direction: wanted.direction,
        floorRate: terms.floorRate,
        expiresAt: wanted.expiresAt,
        idempotencyKey: wanted.idempotencyKey,
        quotedRate: terms.quotedRate,
        triggerRate: terms.triggerRate,
        triggerFloor: terms.triggerFloor,
        lookInMs: ownLookInMs(Math.random()),
        termsAgeMs: quoteMaxAgeMs,
      },
      { hash: requestHash(wanted, HASH_VERSION), hashVersion: HASH_VERSION, quoteId: terms.quoteId },
    ).catch((error: unknown) => {
      // Quotes take their time: an expiry that was near is over by then.
      throw isRefusedBy(error, 'expires_after_creation') ? expiryFault() : error;
    });
    if (placed.kind === 'held') return replay(wanted, placed.held);
    metrics.orders.inc({ outcome: 'created' });
    return { order: placed.order, replayed: false };
  }

  async function replay(wanted: CreateOrder, held: HeldKey): Promise<AcceptedOrder> {
    if (requestHash(wanted, held.hashVersion) !== held.requestHash) {
      // A changed body under an old key is a client's bug that could move money twice: refuse, never guess.
      const fields = [{ pointer: '/idempotency_key', detail: 'was first used with another body' }];
      throw new DomainError('idempotency_key_reused', 'the key belongs to an order with other terms', { fields });
    }
    const order = await loadOrderSnapshot(db, held.orderId);
    if (!order) throw new Error(`the key's order ${held.orderId} is not there`);
    return { order, replayed: true };
  }

  function checkLimits({ amount, expiresAt }: CreateOrder, now: Instant): void {
    if (new Decimal(amount).gt(limits.maxAmount)) {
      const detail = `may be at most ${limits.maxAmount}`;
      throw new DomainError('amount_too_large', `the amount ${detail}`, { fields: [{ pointer: '/amount', detail }] });
    }
    const aheadMs = expiresAt - now;
    if (aheadMs < limits.minExpiryMs || aheadMs > limits.maxExpiryMs) throw expiryFault();
  }

  function expiryFault(): DomainError {
    const detail = `must be from ${limits.minExpiryMs / 1_000} s to ${limits.maxExpiryMs / 86_400_000} days ahead`;
    return new DomainError('expiry_out_of_range', `the expiry ${detail}`, {
      fields: [{ pointer: '/expires_at', detail }],
    });
  }

  async function accountsOf(wanted: CreateOrder, { sourceAccount, destinationAccount }: Placement) {
    if (sourceAccount !== null && destinationAccount !== null) {
      if (sourceAccount !== destinationAccount) return { sourceAccount, destinationAccount };
      const detail = 'would be paid into the account that it comes from';
      throw new DomainError('same_account', `the order ${detail}`, { fields: [{ pointer: '/to_currency', detail }] });
    }
    const missing = [
      { side: 'from', account: sourceAccount, asset: wanted.from },
      { side: 'to', account: destinationAccount, asset: wanted.to },
    ].filter(({ account }) => account === null);
    const fields = missing.map(({ side, asset }) => ({
      pointer: `/${side}_currency`,
      detail: `the user has no active Conduit account for ${assetText(asset)}`,
    }));
    const assets = await assetsOf(
      wanted.userId,
      missing.map(({ asset }) => assetText(asset)),
    );
    const known = assets.length > 0 ? `the user has accounts for ${assets.join(', ')}` : 'the user has no accounts';
    throw new DomainError('account_missing', known, { fields });
  }

  /** For display only: the check itself has read the database. A cached list that contradicts it is an old one. */
  async function assetsOf(userId: string, missing: readonly string[]): Promise<readonly string[]> {
    const cached = await deps.users.readAssets(userId);
    if (cached && !missing.some((asset) => cached.includes(asset))) return cached;
    const assets = await activeAssets(db, userId);
    await deps.users.writeAssets(userId, assets);
    return assets;
  }

  async function quotedTerms(wanted: CreateOrder, gateClosedForMs: number | null): Promise<Terms> {
    const wish = { pair: wanted.pair, from: wanted.from, to: wanted.to, amount: wanted.amount, gateClosedForMs };
    const first = await deps.quoteFor({ ...wish, mayBorrow: true });
    if (first.kind === 'quoted' && !first.isOwn) {
      const terms = borrowedTermsOf(wanted, first.reading, limits);
      if (terms) return terms;
    }
    const isOwn = first.kind !== 'quoted' || first.isOwn;
    const quote = isOwn ? first : await deps.quoteFor({ ...wish, mayBorrow: false });
    if (quote.kind !== 'quoted') throw quoteRefusal(quote);
    const terms = termsOf(wanted, quote.reading, limits);
    if (terms instanceof DomainError) throw terms;
    return terms;
  }
}

/** Which fields a refusal of the provider is about, where its code tells. */
const POINTERS_BY_CODE: Record<string, readonly string[]> = {
  AMOUNT_OUT_OF_RANGE: ['/amount'],
  UNSUPPORTED_PAIR: ['/from_currency', '/to_currency'],
  UNSUPPORTED_ASSET: ['/from_currency', '/to_currency'],
};

function quoteRefusal(quote: Exclude<CreationQuote, { kind: 'quoted' }>): DomainError {
  switch (quote.kind) {
    case 'refused': {
      const isAboutTheRequest =
        quote.cls === 'final' || (quote.cls === 'failed_look' && /^4(00|22)$/.test(`${quote.status}`));
      if (!isAboutTheRequest) return noQuote(`Conduit gave no quote: ${quote.code}`);
      const fields = (POINTERS_BY_CODE[quote.code] ?? []).map((pointer) => ({
        pointer,
        detail: 'is refused by Conduit',
      }));
      return new DomainError('quote_refused', `Conduit refuses to quote this: ${quote.code}`, {
        providerCode: quote.code,
        fields,
      });
    }
    case 'rate_limited':
      return noQuote('Conduit takes no more calls for the moment', quote.retryAfterMs);
    case 'unavailable':
      return noQuote(`Conduit could not be asked: ${quote.code}`);
    case 'unusable':
      return noQuote(`Conduit's quote cannot be used: ${quote.fault}`);
  }
}

const ASK_AGAIN_MS = 5_000;

function noQuote(detail: string, retryAfterMs = ASK_AGAIN_MS): DomainError {
  return new DomainError('quote_unavailable', `${detail}; nothing was stored`, { retryAfterMs });
}
