import { timingSafeEqual } from 'node:crypto';
import type { Clock } from '../core/clock.ts';
import type { KnobBoard } from '../core/knobs.ts';
import { type Extras, Problem } from './problem.ts';

export type Gate = {
  /** Refuses a missing, foreign or unknown key, a write with a read-only key, and a caller that is too fast. */
  pass(apiKey: string | undefined, method: string): void;
  /** What a 429 says besides its code: when to come back, in the body too, and how the limit stands. */
  limitReached(retryAfterSeconds: number): Extras;
};

const PREFIX = 'ck_sandbox_';
/** The limit that a 429 speaks of while there is none. */
const NOMINAL_LIMIT = 10;

function equal(a: string, b: string): boolean {
  const [one, other] = [Buffer.from(a), Buffer.from(b)];
  return one.length === other.length && timingSafeEqual(one, other);
}

type GateDeps = { apiKey: string; readOnlyKey: string; clock: Clock; knobs: KnobBoard };

export function createGate({ apiKey, readOnlyKey, clock, knobs }: GateDeps): Gate {
  let second = 0;
  let passed = 0;

  function limitReached(retryAfterSeconds: number): Extras {
    const inBody = Math.max(retryAfterSeconds, 1); // Conduit's body has a positive number, whatever the header says.
    return {
      retryAfterSeconds: inBody,
      headers: {
        'retry-after': String(retryAfterSeconds),
        'x-ratelimit-limit': String(knobs.get().requestsPerSecond ?? NOMINAL_LIMIT),
        'x-ratelimit-remaining': '0',
        'x-ratelimit-reset': String(Math.floor(clock.nowMs() / 1000) + inBody),
      },
    };
  }

  /** Counts by whole seconds, all keys together: one bucket per organisation. A caller without a good key has no part in it. */
  function refuseTooFast(): void {
    const limit = knobs.get().requestsPerSecond;
    const now = Math.floor(clock.nowMs() / 1000);
    if (now !== second) [second, passed] = [now, 0];
    passed += 1;
    if (limit === null || passed <= limit) return;
    throw new Problem('RATE_LIMITED', `more than ${limit} requests a second`, limitReached(1));
  }

  return {
    limitReached,
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
