import type { LinkedEffect, ProviderEnd } from './attempt.ts';
import type { Instant } from './order.ts';
import { failedWithoutEffect, type ProviderCode } from './replies.ts';
import type { Timing } from './timing.ts';

/** What is known of an order that failed at the provider. */
export type Failure = Extract<ProviderEnd, { kind: 'failed' }>;

/** One reading of it: what it shows, and of which transactions. */
export interface FailureReading {
  readonly code: ProviderCode | null;
  readonly linked: LinkedEffect;
  readonly transactionIds: readonly string[];
  /** The database's clock before its request left. */
  readonly begunAt: Instant;
}

/** What was there before a reading: the end, every linked transaction that was ever shown, and when the newest reading began. */
export interface KnownFailure {
  readonly end: Failure | null;
  readonly transactionIds: readonly string[];
  readonly readAt: Instant | null;
}

/**
 * What is known once one more reading is there, at `now`. Readings may lag, come late and show less than an earlier one did, so only
 * doubt is believed at once. "Without effect" is believed of a reading that saw every transaction that any reading has shown, and
 * counts only when it is read again.
 */
export function failureAfter(
  { end, transactionIds, readAt }: KnownFailure,
  reading: FailureReading,
  now: Instant,
): Failure {
  const code = codeAfter(end, reading.code);
  if (end?.linked === 'completed') return { ...end, code };
  if (reading.linked === 'completed') return doubtful(code, 'completed', end, now);
  const seesAll = transactionIds.every((id) => reading.transactionIds.includes(id));
  const showsMore = !reading.transactionIds.every((id) => transactionIds.includes(id));
  const isLate = readAt !== null && reading.begunAt < readAt;
  // Nothing that is not known already, and from before the newest look-up.
  if (end && isLate && !showsMore) return { ...end, code };
  if (reading.linked === 'open') return doubtful(code, 'open', end, now);
  if (!seesAll) return end ? { ...end, code } : doubtful(code, 'open', end, now);
  const isSame = end !== null && end.linked === reading.linked && !showsMore;
  if (!isSame) return { kind: 'failed', code, linked: reading.linked, firstReadAt: now, readAgainAt: null };
  return { ...end, code, readAgainAt: Math.max(end.readAgainAt ?? reading.begunAt, reading.begunAt) };
}

function doubtful(code: ProviderCode | null, linked: 'open' | 'completed', end: Failure | null, now: Instant): Failure {
  return { kind: 'failed', code, linked, firstReadAt: end?.firstReadAt ?? now, readAgainAt: null };
}

/** A code after which money may have moved stays. */
function codeAfter(end: Failure | null, read: ProviderCode | null): ProviderCode | null {
  const known = end?.code ?? null;
  return known !== null && !failedWithoutEffect(known) ? known : (read ?? known);
}

/** From when a reading counts as the second one. */
export function secondReadingFrom({ firstReadAt }: Failure, timing: Timing): Instant {
  return firstReadAt + 30 * timing.secondMs;
}

/** Whether it was read a second time as it was read first. */
export function isReadTwice(failure: Failure, timing: Timing): boolean {
  return failure.readAgainAt !== null && failure.readAgainAt >= secondReadingFrom(failure, timing);
}
