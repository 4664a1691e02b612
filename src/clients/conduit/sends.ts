import type { Instant } from '../../domain/order.ts';
import type { ProviderOrder } from '../../domain/provider-order.ts';
import {
  NOT_CONNECTED,
  outcomeOfProblem,
  type ProviderCode,
  type SendOperation,
  type SendOutcome,
} from '../../domain/replies.ts';
import type { HttpOutcome } from './http.ts';
import { problemOf } from './problem.ts';
import { type ReplyHead, storableRaw } from './reply.ts';
import { OrderBody } from './schemas.ts';

/**
 * What one physical send's own reply proves. Our own codes beside Conduit's: `PERMIT_EXPIRED` (nothing left),
 * `NOT_CONNECTED` (nothing left), `TIMEOUT`, `CONNECTION_LOST`, `REPLY_TOO_LARGE`, `MALFORMED_REPLY`, `REDIRECT`.
 */
export interface SendResult {
  readonly outcome: SendOutcome;
  readonly code: ProviderCode | null;
  readonly httpStatus: number | null;
  readonly correlationId: string | null;
  /** How long Conduit asked us to wait, from 1 s to 1 h; null when it did not. */
  readonly retryAfterMs: number | null;
  /** The parsed body where there was one, bounded in size; safe to store. */
  readonly raw: unknown;
  /** The order in an accepted reply. */
  readonly order: ProviderOrder | null;
  /** Conduit's `Date`, to the second. */
  readonly serverDate: Instant | null;
}

const NOTHING_READ = {
  httpStatus: null,
  correlationId: null,
  retryAfterMs: null,
  raw: null,
  order: null,
  serverDate: null,
} as const;

function fromHead({ status, correlationId, retryAfterMs, serverDate }: ReplyHead) {
  // Only these two statuses ask for patience; on any other the header says nothing of when to send again.
  const isWait = status === 429 || status === 503;
  return { httpStatus: status, correlationId, retryAfterMs: isWait ? retryAfterMs : null, serverDate, order: null };
}

/** `isOurs` tells whether the order in a 2xx is the one that the request was about: another one proves nothing. */
export function readSend(
  operation: SendOperation,
  outcome: HttpOutcome,
  isOurs: (order: ProviderOrder) => boolean,
): SendResult {
  switch (outcome.kind) {
    case 'forbidden':
      return { ...NOTHING_READ, outcome: 'unsent', code: 'PERMIT_EXPIRED' };
    case 'not_started':
      return { ...NOTHING_READ, outcome: 'no_effect', code: NOT_CONNECTED };
    case 'lost':
      return {
        ...NOTHING_READ,
        ...(outcome.head ? fromHead(outcome.head) : {}),
        outcome: 'unknown',
        code: outcome.code,
      };
    case 'reply':
      return readReply(operation, outcome, isOurs);
  }
}

function readReply(
  operation: SendOperation,
  { head, body }: Extract<HttpOutcome, { kind: 'reply' }>,
  isOurs: (order: ProviderOrder) => boolean,
): SendResult {
  const common = { ...fromHead(head), raw: storableRaw(body) };
  const { status } = head;
  if (status < 300) {
    const order = body.kind === 'json' ? OrderBody.safeParse(body.value).data : undefined;
    if (!order || !isOurs(order)) return { ...common, outcome: 'unknown', code: 'MALFORMED_REPLY' };
    return { ...common, outcome: 'accepted', code: null, order };
  }
  if (status < 400) return { ...common, outcome: 'unknown', code: 'REDIRECT' };
  const problem = problemOf(head, body);
  if (!problem) return { ...common, outcome: 'unknown', code: 'MALFORMED_REPLY' };
  const { code } = problem;
  // The word and the status of a rate limit prove something only together: each alone may be a gateway's.
  const isHalfLimit = (status === 429) !== (code === 'RATE_LIMITED');
  return {
    ...common,
    outcome: isHalfLimit ? 'unknown' : outcomeOfProblem(operation, status, code),
    code,
    retryAfterMs: common.retryAfterMs ?? problem.retryAfterMs,
  };
}
