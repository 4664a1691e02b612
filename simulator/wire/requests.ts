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

/** How many fit, by operation, and a page of them in the order in which they came. */
export type RequestPage = {
  total: number;
  counts: Record<string, number>;
  requests: SeenRequest[];
  /** When the newest came of those that are forgotten by now; null while none is. */
  forgottenUntilMs: number | null;
};

export type RequestLog = {
  note(request: SeenRequest): SeenRequest;
  /** The latest that fit or, with `skip`, those after so many. */
  find(filter: RequestFilter & { skip?: number | undefined }): RequestPage;
};

// A day at one request a second. Older ones are forgotten, so a long run does not fill the memory.
const REMEMBERED = 100_000;
const SHOWN = 5_000;

export function createRequestLog(): RequestLog {
  let seen: SeenRequest[] = [];
  let forgottenUntilMs: number | null = null;
  return {
    note(request) {
      seen.push(request);
      if (seen.length > 2 * REMEMBERED) {
        forgottenUntilMs = seen.at(-REMEMBERED - 1)?.atMs ?? null;
        seen = seen.slice(-REMEMBERED);
      }
      return request;
    },
    find({ operation, pair, sinceMs = 0, untilMs = Number.POSITIVE_INFINITY, skip }) {
      const found = seen.filter(
        (one) =>
          (operation === undefined || one.operation === operation) &&
          (pair === undefined || one.pair === pair) &&
          one.atMs >= sinceMs &&
          one.atMs < untilMs,
      );
      const counts: Record<string, number> = {};
      for (const one of found) counts[one.operation] = (counts[one.operation] ?? 0) + 1;
      const from = skip ?? Math.max(0, found.length - SHOWN);
      return { total: found.length, counts, requests: found.slice(from, from + SHOWN), forgottenUntilMs };
    },
  };
}
