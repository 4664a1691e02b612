import type { ConduitClient } from '../clients/conduit/client.ts';
import type { AttemptRow } from '../db/attempts.ts';
import { type Database, inTransaction } from '../db/client.ts';
import { databaseNow } from '../db/clock.ts';
import type { OrderRow } from '../db/orders.ts';
import { addPause, type PauseScope } from '../db/pauses.ts';
import { closeGate, newestObservation, pairBook } from '../db/rate-watch.ts';
import { parsePair } from '../domain/assets.ts';
import type { Instant } from '../domain/order.ts';
import type { LockTerms } from '../domain/provider-order.ts';
import { type QuoteFault, type QuoteOption, type QuoteRequest, readQuote } from '../domain/quote.ts';
import type { Amounts, QuoteShape } from '../domain/rate.ts';
import { confirms, judgeRate, type SanityBounds } from '../domain/rate-sanity.ts';
import { healsByProbe } from '../domain/replies.ts';
import type { Timing } from '../domain/timing.ts';
import type { Bell } from './bell.ts';
import type { ErrandResult } from './interface.ts';

export interface ProviderDeps {
  readonly db: Database;
  readonly conduit: ConduitClient;
  readonly timing: Timing;
  readonly sanity: SanityBounds;
  readonly rateRefreshMs: number;
  readonly bell: Bell;
  readonly wait: (ms: number) => Promise<void>;
}

/** One quote, read and judged: usable, or why not. `ours`: our key or account is at fault. */
export type JudgedQuote =
  | {
      readonly kind: 'good';
      readonly option: QuoteOption;
      readonly amounts: Amounts;
      readonly shape: QuoteShape;
      /** Conduit's `Date`, to the second. */
      readonly serverDate: Instant | null;
    }
  | { readonly kind: 'unusable'; readonly fault: QuoteFault | 'no_option'; readonly serverDate: Instant | null }
  | { readonly kind: 'suspect' | 'absurd'; readonly rate: string }
  | { readonly kind: 'refused'; readonly code: string }
  | { readonly kind: 'ours'; readonly code: string }
  | { readonly kind: 'gate_closed' }
  | { readonly kind: 'unavailable'; readonly code: string };

/** A second quote that shall confirm a jump is taken this long after the first, so that a glitch has passed. */
const CONFIRM_AFTER_S = 5;

/**
 * Takes a quote and holds it against what was asked and against the pair's last good rate in the database: a rate that jumped
 * is believed only when a second quote agrees; an absurd one never, and the pair is paused for a person.
 */
export async function takeQuote(deps: ProviderDeps, pair: string, request: QuoteRequest): Promise<JudgedQuote> {
  const first = await askQuote(deps, request);
  if (first.kind !== 'good') return first;
  const lastGood = await newestObservation(deps.db, pair);
  const verdict = judgeRate(first.option.referenceRate, lastGood?.referenceRate ?? null, deps.sanity);
  if (verdict === 'good') return first;
  if (verdict === 'absurd') {
    const fields = { pair, rate: first.option.referenceRate, last_good: lastGood?.referenceRate };
    // A feed that stays absurd has called a person already; every tick finds it again.
    const isNew = await setPause(deps, `pair:${pair}`, 'absurd_rate', {
      isHealing: false,
      onNew: () => deps.bell.page('absurd_rate', fields),
    });
    if (!isNew) deps.bell.alert('rate_suspect', fields);
    return { kind: 'absurd', rate: first.option.referenceRate };
  }
  deps.bell.alert('rate_suspect', { pair, rate: first.option.referenceRate, last_good: lastGood?.referenceRate });
  await deps.wait(CONFIRM_AFTER_S * deps.timing.secondMs);
  if ((await pairBook(deps.db, pair)).gateClosedUntil !== null) return { kind: 'gate_closed' };
  const second = await askQuote(deps, request);
  if (second.kind !== 'good') return second;
  const isConfirmed = confirms(first.option.referenceRate, second.option.referenceRate);
  return isConfirmed ? second : { kind: 'suspect', rate: second.option.referenceRate };
}

async function askQuote({ db, conduit, rateRefreshMs }: ProviderDeps, request: QuoteRequest): Promise<JudgedQuote> {
  const reply = await conduit.requestQuote(request);
  switch (reply.kind) {
    case 'rate_limited':
      await closeGate(db, reply.retryAfterMs);
      return { kind: 'gate_closed' };
    case 'unavailable':
      return { kind: 'unavailable', code: reply.code };
    case 'refused':
      if (reply.cls === 'final') return { kind: 'refused', code: reply.code };
      return reply.cls === 'ours_all' ? { kind: 'ours', code: reply.code } : { kind: 'unavailable', code: reply.code };
    case 'quoted': {
      const [option] = reply.options;
      const { serverDate } = reply;
      if (!option) return { kind: 'unusable', fault: 'no_option', serverDate };
      // Conduit dates its quote, so the age is told by its own clock where it sent one.
      const read = readQuote(option, request, serverDate ?? (await databaseNow(db)), 2 * rateRefreshMs);
      return typeof read === 'string'
        ? { kind: 'unusable', fault: read, serverDate }
        : { kind: 'good', option, ...read, serverDate };
    }
  }
}

/**
 * Begins a pause of its own and says so; true when there was none. Whether a probe may lift it again hangs on the code. `onNew` is called
 * before the pause stands: who dies between the two finds no pause the next time, and calls again instead of never.
 */
export async function setPause(
  { db, bell }: Pick<ProviderDeps, 'db' | 'bell'>,
  scope: PauseScope,
  reason: string,
  { isHealing = healsByProbe(reason), onNew = () => {} }: { isHealing?: boolean; onNew?: () => void } = {},
): Promise<boolean> {
  const isNew = await inTransaction(db, async (tx) => {
    const isFirst = await addPause(tx, { scope, reason, automatic: true, healsByProbe: isHealing });
    if (isFirst) onNew();
    return isFirst;
  });
  bell.log.error({ event: 'pause_set', scope, code: reason }, `paused ${scope.split(':')[0]}: ${reason}`);
  return isNew;
}

/** What an attempt's order at Conduit must be, from our own rows. */
export function lockTermsOf(
  order: OrderRow,
  { quoteOptionId, allInRate }: Pick<AttemptRow, 'quoteOptionId' | 'allInRate'>,
  bounds: SanityBounds,
): LockTerms {
  const { sourceAccount, destinationAccount } = order;
  return { ...parsePair(order.pair), sourceAccount, destinationAccount, quoteOptionId, allInRate, bounds };
}

/** What an activity answers the run: words for the reader of its history. */
export function said(result: string, code: string | null = null): ErrandResult {
  return { result, code };
}
