import { type Asset, money, pairText, sameAsset } from '../core/assets.ts';
import type { Clock } from '../core/clock.ts';
import { Exact } from '../core/exact.ts';
import { newId } from '../core/ids.ts';
import type { KnobBoard } from '../core/knobs.ts';
import { type LockSide, type Priced, price, printedArrival } from '../core/pricing.ts';
import type { Rates } from '../core/rates.ts';
import { badQuoteAgeMs, badReferenceRate, distortQuote } from '../faults/bad-rates.ts';
import type { Twists } from '../faults/twists.ts';
import { checkedAmount, checkedAsset, type QuoteBody } from '../wire/bodies.ts';
import { isProblemCode, Problem } from '../wire/problem.ts';
import type { Book } from './book.ts';
import type { Option } from './entries.ts';

type Conversion = { source: Asset; destination: Asset; lockSide: LockSide; amount: string };

export type Quotes = {
  /** Prices a body of POST /quotes and keeps its option for redemption; returns the quote as printed. */
  create(body: QuoteBody, twists: Twists): unknown;
  /** The price of a conversion at this moment; throws the Problem that Conduit would answer. */
  priceNow(conversion: Conversion, twists: Twists): Priced;
};

type QuotesDeps = { book: Book; clock: Clock; knobs: KnobBoard; rates: Rates };

export function createQuotes({ book, clock, knobs, rates }: QuotesDeps): Quotes {
  function refuseOutOfRange(amount: string): void {
    const { minAmount, maxAmount } = knobs.get();
    const asked = new Exact(amount);
    if (asked.isZero() || asked.lt(minAmount) || asked.gt(maxAmount)) {
      throw new Problem('AMOUNT_OUT_OF_RANGE', `the amount must be above 0, from ${minAmount} to ${maxAmount}`);
    }
  }

  function referenceRate(source: Asset, destination: Asset): string {
    const found = sameAsset(source, destination) ? undefined : rates.now(source, destination);
    if (!found) throw new Problem('UNSUPPORTED_PAIR', `${pairText(source, destination)} is not offered`);
    if ('rate' in found) return found.rate;
    throw new Problem(
      isProblemCode(found.unavailable) ? found.unavailable : 'RATE_UNAVAILABLE',
      'there is no rate now',
    );
  }

  function priceNow(conversion: Conversion, twists: Twists): Priced {
    const { source, destination, amount } = conversion;
    refuseOutOfRange(amount);
    const rate = referenceRate(source, destination);
    const { spreadBps, fixedFee, fixedFeeByCode, fixedFeeIn } = knobs.get();
    const feeAsset = fixedFeeIn === 'source' ? source : destination;
    const priced = price({
      ...conversion,
      referenceRate: twists.badRate === undefined ? rate : badReferenceRate(twists.badRate, rate),
      terms: { spreadBps, fixedFee: fixedFeeByCode[feeAsset.code] ?? fixedFee, fixedFeeIn },
    });
    const nothingLeft = new Exact(priced.sourceAmount.amount).lte(0) || new Exact(priced.recipientAmount.amount).lte(0);
    if (nothingLeft && twists.badRate === undefined) {
      throw new Problem('AMOUNT_OUT_OF_RANGE', 'nothing would be left after the fee');
    }
    return priced;
  }

  function create(body: QuoteBody, twists: Twists): unknown {
    const source = checkedAsset(body.source, '/source');
    const destination = checkedAsset(body.destination, '/destination');
    const lockedAsset = body.lockSide === 'source' ? source : destination;
    const amount = checkedAmount(lockedAsset.code, body.amount);
    if (body.destinationCountry !== undefined) throw new Problem('FEATURE_NOT_ENABLED', 'payouts are not simulated');
    if (body.markupBps !== undefined || body.markupAmount !== undefined) {
      throw new Problem('CLIENT_MARKUP_NOT_ENABLED', 'markup is not simulated');
    }
    const { lockSide } = body;
    const priced = priceNow({ source, destination, lockSide, amount }, twists);

    const createdMs = clock.nowMs() - badQuoteAgeMs(twists.badRate);
    const expiresAt = new Date(createdMs + knobs.scaled(knobs.get().quoteTtlMs)).toISOString();
    const quoteId = newId('qte');
    const option: Option = { id: newId('qop'), quoteId, source, destination, lockSide, expiresAt, priced };
    book.record({ event: 'quote.created', quoteId, options: [option] });

    const recipientAmount = printedArrival(priced, knobs.get().grossAmountsOn.includes('quote'));
    const printed = {
      id: quoteId,
      lockSide,
      amount: money(lockedAsset, new Exact(amount)),
      sourceAssetRef: source,
      destinationAssetRef: destination,
      createdAt: new Date(createdMs).toISOString(),
      expiresAt,
      options: [{ id: option.id, rail: null, ...priced, recipientAmount }],
    };
    return twists.badRate === undefined ? printed : distortQuote(twists.badRate, printed);
  }

  return { create, priceNow };
}
