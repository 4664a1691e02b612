import type { ConduitClient, QuoteReply } from '../clients/conduit/client.ts';
import { Decimal } from '../domain/decimal.ts';
import type { Instant } from '../domain/order.ts';
import { type QuoteFault, type QuoteRequest, readQuote } from '../domain/quote.ts';
import { judgeRate, type SanityBounds } from '../domain/rate-sanity.ts';
import type { QuoteReading } from './order-terms.ts';

export type RequestQuote = ConduitClient['requestQuote'];

/** `isOwn`: for exactly the amount asked for, and just now. */
export type CreationQuote =
  | { readonly kind: 'quoted'; readonly reading: QuoteReading; readonly isOwn: boolean }
  | { readonly kind: 'unusable'; readonly fault: QuoteFault | 'no_option' | 'absurd_rate' }
  | Exclude<QuoteReply, { kind: 'quoted' }>;

export interface QuoteWish extends QuoteRequest {
  readonly pair: string;
  /** How long nobody may call the provider; null when the gate is open. */
  readonly gateClosedForMs: number | null;
  /** Whether a quote for about this amount, of a moment ago, will do. */
  readonly mayBorrow: boolean;
}

export interface CreationQuotesDeps {
  readonly requestQuote: RequestQuote;
  /** Tells everybody not to call the provider for a while. */
  readonly closeGate: (forMs: number) => Promise<void>;
  /** The time in milliseconds, where Conduit did not send its own. */
  readonly now: () => Instant | Promise<Instant>;
  /** The pair's newest reference rate that the watchers found good; null when there is none that still says anything. */
  readonly lastGoodRate: (pair: string) => Promise<string | null>;
  readonly sanity: SanityBounds;
  /** Interval of the watchers' quotes: a borrowed one is at most this old. */
  readonly rateRefreshMs: number;
}

interface Flight {
  readonly amount: string;
  readonly landed: Promise<CreationQuote>;
}

interface Kept {
  readonly amount: string;
  readonly reading: QuoteReading;
  readonly askedAt: number;
}

/** Amounts of one pair that are far from each other each keep a quote; more of them than this and the oldest goes. */
const MAX_KEPT_PER_PAIR = 8;

/**
 * Quotes for orders that are being placed. A burst of them shares few calls: who comes while a quote for about its amount is under
 * way waits for that one, and a quote is kept for an interval. Only in this process: nothing but calls is lost with it.
 */
export function createCreationQuotes(deps: CreationQuotesDeps) {
  const { requestQuote, closeGate, rateRefreshMs } = deps;
  const keptByPair = new Map<string, Kept[]>();
  const flightsByPair = new Map<string, Set<Flight>>();

  return async function quoteFor(wish: QuoteWish): Promise<CreationQuote> {
    const kept = wish.mayBorrow ? findKept(wish) : undefined;
    if (kept) return { kind: 'quoted', reading: kept.reading, isOwn: false };
    const flight = findFlight(wish);
    if (flight) {
      const shared = await flight.landed;
      if (sameAmount(flight.amount, wish.amount)) return shared;
      if (shared.kind === 'quoted') return { ...shared, isOwn: false };
      // A refusal may be meant for the other amount; an outage is meant for all.
      if (shared.kind === 'rate_limited' || shared.kind === 'unavailable') return shared;
    }
    if (wish.gateClosedForMs !== null) return { kind: 'rate_limited', retryAfterMs: wish.gateClosedForMs };
    return ask(wish);
  };

  function findKept({ pair, amount }: QuoteWish): Kept | undefined {
    const oldest = performance.now() - rateRefreshMs;
    const fresh = (keptByPair.get(pair) ?? []).filter(({ askedAt }) => askedAt >= oldest);
    keptByPair.set(pair, fresh);
    return fresh.find((kept) => isNear(kept.amount, amount));
  }

  function findFlight({ pair, amount, mayBorrow }: QuoteWish): Flight | undefined {
    const flights = [...(flightsByPair.get(pair) ?? [])];
    const same = flights.find((flight) => sameAmount(flight.amount, amount));
    return same ?? (mayBorrow ? flights.find((flight) => isNear(flight.amount, amount)) : undefined);
  }

  async function ask({ pair, from, to, amount }: QuoteWish): Promise<CreationQuote> {
    const flights = flightsByPair.get(pair) ?? new Set();
    flightsByPair.set(pair, flights);
    const askedAt = performance.now();
    const flight = { amount, landed: call(pair, { from, to, amount }) };
    flights.add(flight);
    try {
      const quote = await flight.landed;
      if (quote.kind === 'quoted') keep(pair, { amount, reading: quote.reading, askedAt });
      return quote;
    } finally {
      flights.delete(flight);
    }
  }

  async function call(pair: string, request: QuoteRequest): Promise<CreationQuote> {
    const reply = await requestQuote(request);
    if (reply.kind === 'rate_limited') await closeGate(reply.retryAfterMs);
    if (reply.kind !== 'quoted') return reply;
    const [option] = reply.options;
    if (!option) return { kind: 'unusable', fault: 'no_option' };
    // Conduit dates its quote, so the age is told by its own clock where it sent one.
    const read = readQuote(option, request, reply.serverDate ?? (await deps.now()), 2 * rateRefreshMs);
    if (typeof read === 'string') return { kind: 'unusable', fault: read };
    // Before anything of the order is held against it: under an absurd rate every target looks implausible.
    const verdict = judgeRate(read.shape.referenceRate, await deps.lastGoodRate(pair), deps.sanity);
    if (verdict === 'absurd') return { kind: 'unusable', fault: 'absurd_rate' };
    return { kind: 'quoted', reading: { quoteId: option.quoteId, ...read }, isOwn: true };
  }

  function keep(pair: string, kept: Kept): void {
    const others = (keptByPair.get(pair) ?? []).filter(({ amount }) => !isNear(amount, kept.amount));
    keptByPair.set(pair, [kept, ...others].slice(0, MAX_KEPT_PER_PAIR));
  }
}

function sameAmount(a: string, b: string): boolean {
  return new Decimal(a).eq(b);
}

/** Within a factor of two. */
function isNear(a: string, b: string): boolean {
  const [low, high] = new Decimal(a).lt(b) ? [a, b] : [b, a];
  return new Decimal(low).times(2).gte(high);
}
