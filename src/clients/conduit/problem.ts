import type { ProviderCode } from '../../domain/replies.ts';
import { boundedRetryMs, type ReplyBody, type ReplyHead } from './reply.ts';
import { ProblemBody } from './schemas.ts';

/** The problem in a refusal, or null when the body is not one of Conduit's: then nothing may be concluded from the status. */
export function problemOf(
  { status }: ReplyHead,
  body: ReplyBody,
): { readonly code: ProviderCode; readonly retryAfterMs: number | null } | null {
  if (body.kind !== 'json') return null;
  const { data } = ProblemBody.safeParse(body.value);
  // A problem that names another status than it came with was put together by somebody in between.
  if (!data || (data.status ?? status) !== status) return null;
  const seconds = status === 429 ? (data.retryAfterSeconds ?? null) : null;
  return { code: data.type, retryAfterMs: seconds === null ? null : boundedRetryMs(seconds * 1_000) };
}
