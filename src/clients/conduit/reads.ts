import type { z } from 'zod';
import type { Instant } from '../../domain/order.ts';
import { NOT_CONNECTED, type ProviderCode } from '../../domain/replies.ts';
import type { HttpOutcome } from './http.ts';
import { problemOf } from './problem.ts';
import { storableRaw } from './reply.ts';

/** Conduit asked for patience, for this long: from 1 s to 1 h. */
export interface RateLimited {
  readonly kind: 'rate_limited';
  readonly retryAfterMs: number;
}

/** Nothing was learnt. The code is Conduit's, or one of ours for a failure below HTTP. */
export interface Unavailable {
  readonly kind: 'unavailable';
  readonly code: ProviderCode;
}

/** Conduit's own refusal: a parsed problem with a 4xx. */
export interface Refused {
  readonly kind: 'refused';
  readonly status: number;
  readonly code: ProviderCode;
  readonly serverDate: Instant | null;
}

export interface Read<T> {
  readonly kind: 'read';
  readonly value: T;
  readonly raw: unknown;
  readonly serverDate: Instant | null;
}

/** When nobody says how long to wait: long enough to matter, short enough to lose nothing. */
const DEFAULT_RETRY_MS = 5_000;

/** What a request without an effect brought, its 2xx read by `schema`. */
export function readAs<T>(outcome: HttpOutcome, schema: z.ZodType<T>): Read<T> | Refused | RateLimited | Unavailable {
  const unavailable = (code: ProviderCode): Unavailable => ({ kind: 'unavailable', code });
  if (outcome.kind === 'lost') return unavailable(outcome.code);
  if (outcome.kind !== 'reply') return unavailable(NOT_CONNECTED);
  const { head, body } = outcome;
  const { status, serverDate } = head;
  if (status < 300) {
    const parsed = body.kind === 'json' ? schema.safeParse(body.value) : null;
    if (!parsed?.success) return unavailable('MALFORMED_REPLY');
    return { kind: 'read', value: parsed.data, raw: storableRaw(body), serverDate };
  }
  if (status < 400) return unavailable('REDIRECT');
  const problem = problemOf(head, body);
  // Whoever says it, Conduit or a gateway before it: asking less costs a read nothing but time.
  if (status === 429)
    return { kind: 'rate_limited', retryAfterMs: head.retryAfterMs ?? problem?.retryAfterMs ?? DEFAULT_RETRY_MS };
  if (!problem) return unavailable('MALFORMED_REPLY');
  if (status >= 500 || status === 408) return unavailable(problem.code);
  return { kind: 'refused', status, code: problem.code, serverDate };
}

/** For a read that a refusal teaches nothing. */
export function unlessRefused<T>(
  read: Read<T> | Refused | RateLimited | Unavailable,
): Read<T> | RateLimited | Unavailable {
  return read.kind === 'refused' ? { kind: 'unavailable', code: read.code } : read;
}
