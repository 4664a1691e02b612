import { type Asset, isFiat, sameAsset } from '../core/assets.ts';
import type { Clock } from '../core/clock.ts';
import { newId } from '../core/ids.ts';
import type { KnobBoard } from '../core/knobs.ts';
import { present } from '../core/present.ts';
import { orderRate, type Priced, printedArrival, worsened } from '../core/pricing.ts';
import type { Twists } from '../faults/twists.ts';
import { checkedAmount, checkedAsset, checkedId, ExplicitBody, parseBody, RedeemBody } from '../wire/bodies.ts';
import { Problem } from '../wire/problem.ts';
import type { Accounts } from './accounts.ts';
import type { Book } from './book.ts';
import type { Option, Order, OrderType, Side } from './entries.ts';
import type { Quotes } from './quotes.ts';
import type { Transitions } from './transitions.ts';

/** Makes an order of a body of POST /orders. All checks and the order itself are one synchronous stretch: one option, one order. */
export type OrderIntake = (body: unknown, twists: Twists) => Order;

type IntakeDeps = {
  book: Book;
  clock: Clock;
  knobs: KnobBoard;
  quotes: Quotes;
  accounts: Accounts;
  transitions: Transitions;
};

/** What a create body comes down to, whichever of its forms it has. */
type Terms = { source: Asset; destination: Asset; lockSide: Order['lockSide']; priced: Priced; option?: Option };

function typeOf(source: Asset, destination: Asset): OrderType {
  if (isFiat(source.code)) return isFiat(destination.code) ? 'fiat_conversion' : 'onramp';
  return isFiat(destination.code) ? 'offramp' : 'conversion';
}

/** A side of the body, its id well-formed and its asset complete. */
function checkedSide(side: RedeemBodySide, pointer: string): Side {
  if (side.type === 'virtual_account') return { type: side.type, id: checkedId('vac', side.id) };
  return { type: side.type, id: checkedId('wlt', side.id), asset: checkedAsset(side.asset, `${pointer}/asset`) };
}
type RedeemBodySide =
  | { type: 'virtual_account'; id: string }
  | { type: 'wallet'; id: string; asset: { code: string; chain?: string | undefined } };

/** Fiat is held in virtual accounts and crypto in wallets, each of which names the asset it is to be used for. */
function refuseMismatch(side: Side, asset: Asset, name: string): void {
  const fits = side.type === 'wallet' ? sameAsset(side.asset, asset) : isFiat(asset.code);
  if (!fits) throw new Problem('QUOTE_ASSET_MISMATCH', `the ${name} does not hold the quoted asset`);
}

export function createOrderIntake(deps: IntakeDeps): OrderIntake {
  const { book, clock, knobs, quotes, accounts, transitions } = deps;

  function redeemed(optionId: string): Terms {
    const option = book.options.get(checkedId('qop', optionId));
    if (!option) throw new Problem('QUOTE_NOT_FOUND', `there is no option ${optionId}`);
    // Before its expiry is looked at: a repeated create must learn that the first one took, however late it comes.
    if (book.orderByOption.has(optionId)) throw new Problem('QUOTE_ALREADY_USED', 'the option was already redeemed');
    if (Date.parse(option.expiresAt) <= clock.nowMs()) {
      throw new Problem('QUOTE_EXPIRED', `the quote expired at ${option.expiresAt}`);
    }
    return { ...option, option };
  }

  function pricedNow(body: ExplicitBody, twists: Twists): Terms {
    const source = checkedAsset(body.source.asset, '/source/asset');
    const destination = checkedAsset(body.destination.asset, '/destination/asset');
    if (sameAsset(source, destination))
      throw new Problem('INVALID_ORDER_COMBO', 'use /payouts for one and the same asset');
    const amount = checkedAmount((body.lockSide === 'source' ? source : destination).code, body.amount);
    const priced = quotes.priceNow({ source, destination, lockSide: body.lockSide, amount }, twists);
    return { source, destination, lockSide: body.lockSide, priced };
  }

  function refuseUsed(reference: string | undefined): void {
    if (reference === undefined || !book.orderByReference.has(reference)) return;
    throw new Problem(knobs.get().duplicateReferenceCode, `clientReferenceId ${reference} was already used`);
  }

  return (body, twists) => {
    const isExplicit = typeof body === 'object' && body !== null && !('quoteOptionId' in body) && 'lockSide' in body;
    const parsed = isExplicit ? parseBody(ExplicitBody, body) : parseBody(RedeemBody, body);
    if (parsed.markupBps !== undefined || parsed.markupAmount !== undefined) {
      throw new Problem('CLIENT_MARKUP_NOT_ENABLED', 'markup is not simulated');
    }
    const source = checkedSide(parsed.source, '/source');
    const destination = checkedSide(parsed.destination, '/destination');
    accounts.refuseUnusable(source.id, 'source');
    accounts.refuseUnusable(destination.id, 'destination');
    const terms = 'quoteOptionId' in parsed ? redeemed(parsed.quoteOptionId) : pricedNow(parsed, twists);
    refuseMismatch(source, terms.source, 'source');
    refuseMismatch(destination, terms.destination, 'destination');
    accounts.refuseAsset(source.id, 'source', terms.source);
    accounts.refuseAsset(destination.id, 'destination', terms.destination);
    refuseUsed(parsed.clientReferenceId);

    const priced = twists.worseLockBps === undefined ? terms.priced : worsened(terms.priced, twists.worseLockBps);
    const arrives = priced.recipientAmount;
    const printed = printedArrival(priced, knobs.get().grossAmountsOn.includes('order'));
    const nowMs = clock.nowMs();
    const order: Order = {
      id: newId('ord'),
      customerId: accounts.get(source.id).customerId,
      status: 'pending',
      type: typeOf(terms.source, terms.destination),
      source,
      destination,
      sourceAsset: priced.sourceAmount,
      destinationAsset: printed,
      lockSide: terms.lockSide,
      rate: orderRate(priced.rate),
      fees: priced.fees,
      totalDebit: priced.totalDebit,
      lockExpiresAt: new Date(nowMs + knobs.scaled(knobs.get().lockTtlMs)).toISOString(),
      createdAt: new Date(nowMs).toISOString(),
      autoExecute: parsed.autoExecute || twists.autoExecuteDespiteFalse === true,
      linkedTransactionIds: [],
      ...present('clientReferenceId', parsed.clientReferenceId),
      ...present('quoteOptionId', terms.option?.id),
    };
    transitions.order('order.created', order, 'client', arrives.amount === printed.amount ? {} : { arrives });
    return order;
  };
}
