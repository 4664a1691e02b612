import { createHash } from 'node:crypto';
import type { Clock } from '../core/clock.ts';
import { Exact } from '../core/exact.ts';
import type { KnobBoard } from '../core/knobs.ts';
import { Problem } from '../wire/problem.ts';
import type { Book, KeptReply } from './book.ts';

export type Claim = {
  /** The reply kept under this key and body, which is to be sent again in place of any effect. */
  kept: KeptReply | undefined;
  /** Keeps a reply under the key, in the same stretch as its effect; false when replies like this one are not kept. */
  keep(status: number, body: unknown): boolean;
  /** Until then the key answers "in progress" to everybody else: while its request is handled, its caller gone or not. */
  release(): void;
};

export type Idempotency = {
  /** Claims the key for one request to one path, or throws what Conduit answers to a bad, busy or misused key. */
  claim(request: { key: string | undefined; method: string; path: string; body: unknown }): Claim;
};

const DEEPEST_BODY = 20;

/**
 * A body's canonical form: keys sorted, amounts without trailing zeros ("1" and "1.00" are the same), and no body the same as an
 * empty one.
 */
function canonicalBody(value: unknown, name = '', depth = 0): string {
  if (depth > DEEPEST_BODY) throw new Problem('IDEMPOTENCY_BODY_TOO_NESTED', `deeper than ${DEEPEST_BODY} levels`);
  if (value === undefined) return '{}';
  if (Array.isArray(value)) return `[${value.map((item) => canonicalBody(item, '', depth + 1)).join()}]`;
  if (typeof value === 'object' && value !== null) {
    const fields = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
    return `{${fields.map(([key, field]) => `${JSON.stringify(key)}:${canonicalBody(field, key, depth + 1)}`).join()}}`;
  }
  const isAmount = typeof value === 'string' && /^(amount|markupAmount)$/.test(name) && /^\d+(\.\d+)?$/.test(value);
  return JSON.stringify(isAmount ? new Exact(value).toFixed() : value);
}

function checkedKey(key: string | undefined): string {
  if (key === undefined) throw new Problem('IDEMPOTENCY_KEY_REQUIRED', 'send an Idempotency-Key');
  if (/^[A-Za-z0-9_.:-]{1,128}$/.test(key)) return key;
  throw new Problem('IDEMPOTENCY_KEY_INVALID', 'the key must match ^[A-Za-z0-9_.:-]{1,128}$');
}

export function createIdempotency({ book, clock, knobs }: { book: Book; clock: Clock; knobs: KnobBoard }): Idempotency {
  // In memory only: after a kill the outcome is in the book, or there was none.
  const inProgress = new Set<string>();

  function keptWithin(slot: string): KeptReply | undefined {
    const kept = book.kept.get(slot);
    const windowMs = knobs.scaled(knobs.get().idempotencyWindowMs);
    return kept && clock.nowMs() - kept.keptAtMs < windowMs ? kept : undefined;
  }

  return {
    claim({ key: sent, method, path, body }) {
      const key = checkedKey(sent);
      const { idempotencyScope, idempotencyKeeps } = knobs.get();
      const slot = idempotencyScope === 'path' ? `${path} ${key}` : key;
      const fingerprint = createHash('sha256')
        .update(`${method} ${path}\n${canonicalBody(body)}`)
        .digest('hex');
      const kept = keptWithin(slot);
      if (kept && kept.fingerprint !== fingerprint) {
        throw new Problem('IDEMPOTENCY_KEY_CONFLICT', 'the key was first used with another request');
      }
      if (inProgress.has(slot)) {
        throw new Problem('IDEMPOTENCY_KEY_REQUEST_IN_PROGRESS', 'the first request is not answered yet');
      }
      inProgress.add(slot);
      return {
        kept,
        keep(status, reply) {
          const isKept = idempotencyKeeps === 'all' || (status >= 200 && status < 300);
          if (!isKept) return false;
          book.record({ event: 'idempotency.kept', slot, fingerprint, status, body: reply, keptAtMs: clock.nowMs() });
          return true;
        },
        release: () => void inProgress.delete(slot),
      };
    },
  };
}
