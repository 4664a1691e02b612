import { timingSafeEqual } from 'node:crypto';
import type { Clock } from '../core/clock.ts';
import type { KnobBoard } from '../core/knobs.ts';
import { Problem } from './problem.ts';

export type Gate = {
  /** Refuses a missing, foreign or unknown key, a write with a read-only key, and a caller that is too fast. */
  pass(apiKey: string | undefined, method: string): void;
};

const PREFIX = 'ck_sandbox_';

function equal(a: string, b: string): boolean {
  const [one, other] = [Buffer.from(a), Buffer.from(b)];
  return one.length === other.length && timingSafeEqual(one, other);
}

type GateDeps = { apiKey: string; readOnlyKey: string; clock: Clock; knobs: KnobBoard };

export function createGate({ apiKey, readOnlyKey, clock, knobs }: GateDeps): Gate {
  let second = 0;
  let passed = 0;

  /** Counts by whole seconds, all keys together: one bucket per organisation. */
  function refuseTooFast(): void {
    const limit = knobs.get().requestsPerSecond;
    const now = Math.floor(clock.nowMs() / 1000);
    if (now !== second) [second, passed] = [now, 0];
    passed += 1;
    if (limit === null || passed <= limit) return;
    throw new Problem('RATE_LIMITED', `more than ${limit} requests a second`, {
      retryAfterSeconds: 1,
      headers: {
        'x-ratelimit-limit': String(limit),
        'x-ratelimit-remaining': '0',
        'x-ratelimit-reset': String(now + 1),
      },
    });
  }

  return {
    pass(sent, method) {
      if (sent === undefined || sent === '') throw new Problem('API_KEY_MISSING', 'send x-api-key');
      if (!sent.startsWith(PREFIX))
        throw new Problem('API_KEY_INVALID', `this host takes keys that begin with ${PREFIX}`);
      const isFull = equal(sent, apiKey);
      if (!isFull && !equal(sent, readOnlyKey)) throw new Problem('API_KEY_INVALID', 'the key is not known');
      refuseTooFast();
      if (!isFull && method !== 'GET') throw new Problem('API_KEY_READ_ONLY', 'this key may only read');
    },
  };
}
