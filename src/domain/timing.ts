import type { Attempt, Send } from './attempt.ts';
import type { Instant } from './order.ts';

/** The protocol's waits and margins in milliseconds, already scaled. The reason for each number stands in `.env.example`. */
export interface Timing {
  readonly sendMarginMs: number;
  readonly quoteMarginMs: number;
  readonly resendWindowMs: number;
  readonly retryBaseMs: number;
  readonly orphanWatchMs: number;
  /** How long a permit may age before its bytes leave. Never scaled: it is about this machine, not the provider. */
  readonly permitTtlMs: number;
  /** One second of the protocol: 1000 divided by TIME_SCALE. */
  readonly secondMs: number;
}

const LOOKUP_STEPS_S = [2, 5, 15];
const HOUR_S = 3600;

/** When the next look-up is due: 2, 5 and 15 s after `from`, then every 30 s, after an hour every 60 s. See {@link lookupsFrom}. */
export function lookupDueAt(from: Instant, now: Instant, timing: Timing): Instant {
  const elapsedS = (now - from) / timing.secondMs;
  const step = LOOKUP_STEPS_S.find((seconds) => seconds > elapsedS);
  if (step !== undefined) return from + step * timing.secondMs;
  return now + (elapsedS < HOUR_S ? 30 : 60) * timing.secondMs;
}

/**
 * From when that counts: from the newest create or execute, or the first cancel if that is younger. A cancel is repeated with each
 * look-up that still shows the order open: if each began the steps anew, the two would chase each other.
 */
export function lookupsFrom(sends: readonly Send[]): Instant | null {
  const firstCancel = sends.find(({ operation }) => operation === 'cancel');
  const counted = sends.filter((send) => send.operation !== 'cancel' || send === firstCancel);
  return counted.length === 0 ? null : Math.max(...counted.map(({ permittedAt }) => permittedAt));
}

/**
 * When an orphan is looked up next: like a live attempt for an hour, then every ten minutes; but where its order is open it may be what
 * keeps it from ending, so that none of these waits goes a minute past the order's expiry.
 */
export function orphanLookupDueAt(
  from: Instant,
  now: Instant,
  timing: Timing,
  expiryOfOpenOrder: Instant | null,
): Instant {
  const soon = lookupDueAt(from, now, timing);
  if (now - from < HOUR_S * timing.secondMs) return soon;
  return Math.min(now + 600 * timing.secondMs, Math.max(soon, expiryOfOpenOrder ?? Number.POSITIVE_INFINITY));
}

/** How long after a send a look-up must begin for "absent" to count: the send may still have been on its way. */
export function absentCountsFrom(lastPermittedAt: Instant, timing: Timing): Instant {
  return lastPermittedAt + timing.permitTtlMs + 30 * timing.secondMs;
}

/** Whether the newest look-up is an "absent" that may be believed. */
export function isAbsent(attempt: Attempt, timing: Timing): boolean {
  if (attempt.lookup?.result !== 'absent') return false;
  const last = Math.max(...attempt.sends.map((send) => send.permittedAt));
  return attempt.lookup.begunAt >= absentCountsFrom(last, timing);
}

/** A sender that is frozen between permit and send three times running is no longer bad luck. */
const MAX_UNSENT_IN_A_ROW = 3;

export function isUnsentTooOften(sends: readonly Send[]): boolean {
  const lastSent = sends.findLastIndex((send) => send.outcome !== 'unsent');
  return sends.length - 1 - lastSent >= MAX_UNSENT_IN_A_ROW;
}

/** Bases after a key's first permit: the third wait of four more would end past the window in which the key is remembered. */
const RESEND_BASES = [1, 3];

/**
 * The same key and bytes again, or null when it was repeated often enough: at once after `unsent`, else one base after the key's first
 * permit, then two more; the provider's `Retry-After` wins. `sends` are those of one key, oldest first.
 */
export function resendDueAt(sends: readonly Send[], timing: Timing): Instant | null {
  const [first] = sends;
  const last = sends.at(-1);
  if (!first || !last) return null;
  if (isUnsentTooOften(sends)) return null;
  if (last.outcome === 'unsent') return last.permittedAt;
  // A refusal that only asks for patience may be answered as soon as it says; anything else also keeps to the schedule.
  if (last.outcome === 'no_effect' && last.retryAt !== null) return last.retryAt;
  const repeats = sends.filter((send) => send.outcome !== 'unsent').length - 1;
  const bases = RESEND_BASES[repeats];
  return bases === undefined ? null : Math.max(first.permittedAt + bases * timing.retryBaseMs, last.retryAt ?? 0);
}

/** Whether the provider surely still remembers the key of these sends (its pages say 5 minutes or 30 days). */
export function isKeyYoung(sends: readonly Send[], now: Instant, timing: Timing): boolean {
  const [first] = sends;
  return !first || now - first.permittedAt < timing.resendWindowMs;
}

/** 1, 2, 4 bases, then 4 for good: `count` is how many times in a row it went wrong, from 1. */
export function backoffMs(count: number, timing: Timing): number {
  return timing.retryBaseMs * 2 ** Math.min(Math.max(count, 1) - 1, 2);
}

/** The two standing repairs. Never scaled: they are about our own parts. */
export const RECONCILE_EVERY_MS = 15_000;
export const ORPHANS_EVERY_MS = 30_000;

/** How much of an interval an order sleeps after a look or a claim: less than one, so that the next tick finds it. */
export const QUIET_SHARE = 0.9;

const DAY_MS = 86_400_000;
const LOOK_JITTER_MS = 7_200_000;

/**
 * In how long an own look that could not be taken is tried again, under a pause or without attempts left: about an hour, and not
 * all orders of a pair at once.
 */
export function ownLookAgainInMs(random: number, timing: Timing): number {
  return Math.round((0.5 + random) * HOUR_S * timing.secondMs);
}

/**
 * In how long an order looks of its own accord: once a day, so that its trigger does not age, and up to two hours around it, so
 * that orders placed together keep apart. `random` is from 0 to 1.
 */
export function ownLookInMs(random: number): number {
  return Math.round(DAY_MS + (random * 2 - 1) * LOOK_JITTER_MS);
}
