/** One request as it arrived, for counting. Times are the machine's, in milliseconds. */
export type SeenRequest = {
  atMs: number;
  operation: string;
  pair?: string;
  reference?: string;
  orderId?: string;
  key?: string;
  /** Set once it was answered; null when the reply was withheld. */
  status?: number | null;
  code?: string;
  /** The header of that name, in seconds, where the answer had one. */
  retryAfter?: string;
};

export type RequestFilter = {
  operation?: string | undefined;
  pair?: string | undefined;
  sinceMs?: number | undefined;
  untilMs?: number | undefined;
};

export type RequestLog = {
  note(request: SeenRequest): SeenRequest;
  /** How many came, by operation, and the latest of them. */
  find(filter: RequestFilter): { total: number; counts: Record<string, number>; requests: SeenRequest[] };
};

// A day at one request a second. Older ones are forgotten, so a long run does not fill the memory.
const REMEMBERED = 100_000;
const SHOWN = 5_000;

export function createRequestLog(): RequestLog {
  let seen: SeenRequest[] = [];
  return {
    note(request) {
      seen.push(request);
      if (seen.length > 2 * REMEMBERED) seen = seen.slice(-REMEMBERED);
      return request;
    },
    find({ operation, pair, sinceMs = 0, untilMs = Number.POSITIVE_INFINITY }) {
      const found = seen.filter(
        (one) =>
          (operation === undefined || one.operation === operation) &&
          (pair === undefined || one.pair === pair) &&
          one.atMs >= sinceMs &&
          one.atMs < untilMs,
      );
      const counts: Record<string, number> = {};
      for (const one of found) counts[one.operation] = (counts[one.operation] ?? 0) + 1;
      return { total: found.length, counts, requests: found.slice(-SHOWN) };
    },
  };
}
