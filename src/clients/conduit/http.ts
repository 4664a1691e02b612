import { randomUUID } from 'node:crypto';
import { type Dispatcher, Pool } from 'undici';
import { type Headers, headOf, type ReplyBody, type ReplyHead, readBody } from './reply.ts';

/** One request. `path` is relative to the base URL and begins with a slash. */
export interface HttpRequest {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  /** The exact bytes, or none. */
  readonly body?: string;
  readonly idempotencyKey?: string;
  /** Asked in the instant before the first byte leaves; false means that nothing leaves. */
  readonly mayStart?: () => boolean;
}

/** Why a request that may have reached Conduit has no reply: the first two say nothing of what it did there. */
type LostCode = 'TIMEOUT' | 'CONNECTION_LOST' | 'REPLY_TOO_LARGE';

/**
 * What became of one request. `forbidden`: `mayStart` said no. `not_started`: no connection in time; in both, provably no
 * byte left. `lost`: bytes may have left and no whole reply came; `head` is there when its headers did.
 */
export type HttpOutcome =
  | { readonly kind: 'forbidden' }
  | { readonly kind: 'not_started' }
  | { readonly kind: 'lost'; readonly code: LostCode; readonly head: ReplyHead | null }
  | { readonly kind: 'reply'; readonly head: ReplyHead; readonly body: ReplyBody };

/** What one request took, and the correlation id that we gave it. */
interface HttpCall {
  readonly outcome: HttpOutcome;
  readonly durationMs: number;
  readonly clientCorrelationId: string;
}

export interface HttpOptions {
  /** Ends in /v2. */
  readonly baseUrl: string;
  readonly apiKey: string;
  /** From the call to the last byte of the reply, waiting for a connection included. */
  readonly timeoutMs: number;
  readonly connectTimeoutMs: number;
  readonly maxConnections: number;
}

export interface Http {
  send(request: HttpRequest): Promise<HttpCall>;
  close(): Promise<void>;
}

/** A page of a hundred orders is about 200 kB; whatever is much larger is not Conduit's. */
const MAX_REPLY_BYTES = 2 * 1024 * 1024;

type Exchange =
  | Exclude<HttpOutcome, { kind: 'reply' }>
  | { kind: 'whole'; head: ReplyHead; headers: Headers; bytes: Buffer };

/** The pool of connections to Conduit. It repeats nothing and follows no redirect: every call is one physical request at most. */
export function createHttp(options: HttpOptions): Http {
  const { origin, pathname } = new URL(options.baseUrl);
  const base = pathname.replace(/\/$/, '');
  const pool = new Pool(origin, {
    connections: options.maxConnections,
    // One request at a time on a connection, and no HTTP/2: there, one lost connection makes undici send others again.
    pipelining: 1,
    allowH2: false,
    // Kept by undici's coarse timers, up to a second late; the permit's age and the deadline bound a slow connection exactly.
    connectTimeout: options.connectTimeoutMs,
    maxResponseSize: MAX_REPLY_BYTES,
    // One deadline holds for the whole call; undici's own would each begin anew.
    headersTimeout: 0,
    bodyTimeout: 0,
  });

  async function send(request: HttpRequest): Promise<HttpCall> {
    const { method, body, idempotencyKey, mayStart = () => true } = request;
    const clientCorrelationId = randomUUID();
    const startedAt = performance.now();
    const exchanged = await exchange(
      pool,
      {
        method,
        path: base + request.path,
        body: body ?? null,
        headers: {
          'x-api-key': options.apiKey,
          'x-client-correlation-id': clientCorrelationId,
          accept: 'application/json, application/problem+json',
          'accept-encoding': 'gzip',
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...(idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey }),
        },
      },
      { timeoutMs: options.timeoutMs, mayStart },
    );
    const outcome: HttpOutcome =
      exchanged.kind === 'whole'
        ? {
            kind: 'reply',
            head: exchanged.head,
            body: await readBody(exchanged.headers, exchanged.bytes, MAX_REPLY_BYTES),
          }
        : exchanged;
    return { outcome, durationMs: performance.now() - startedAt, clientCorrelationId };
  }

  let closing: Promise<void> | null = null;
  return {
    send,
    close: () => {
      closing ??= pool.close(); // undici rejects a second close.
      return closing;
    },
  };
}

/**
 * One request on a connection of the pool. Whether a byte may have left is told by undici's `onRequestStart`, which it calls
 * in the same tick as the write, after the connection stands and the request's turn in the queue has come; never by the name
 * of an error, since the same reset may come before or after.
 */
function exchange(
  pool: Pool,
  request: Dispatcher.DispatchOptions,
  { timeoutMs, mayStart }: { timeoutMs: number; mayStart: () => boolean },
): Promise<Exchange> {
  return new Promise((resolve) => {
    let running: Dispatcher.DispatchController | null = null;
    let isGivenUp = false;
    let isForbidden = false;
    let headers: Headers = {};
    let head: ReplyHead | null = null;
    const chunks: Buffer[] = [];

    const settle = (result: Exchange) => {
      clearTimeout(timer);
      resolve(result);
    };
    const fail = (error: unknown) => {
      if (running) settle({ kind: 'lost', code: isGivenUp ? 'TIMEOUT' : lostCodeOf(error), head });
      else settle({ kind: isForbidden ? 'forbidden' : 'not_started' });
    };
    const timer = setTimeout(() => {
      isGivenUp = true;
      const late = new Error('the deadline of the call has passed');
      // A request still in the queue cannot be taken out of it: it is refused when its turn comes, below.
      if (running) running.abort(late);
      else {
        isForbidden = !mayStart();
        fail(late);
      }
    }, timeoutMs);

    pool.dispatch(request, {
      onRequestStart(controller) {
        // Throwing here ends the request with nothing written and, unlike an abort, leaves the connection to the next one.
        // A second start would be a second physical request after bytes of the first may have left.
        if (running || isGivenUp) throw new Error('the call is over');
        isForbidden = !mayStart();
        if (isForbidden) throw new Error('the request may no longer leave');
        running = controller;
      },
      onResponseStart(_controller, status, replyHeaders) {
        if (status < 200) return; // An interim response; the real one follows.
        headers = replyHeaders;
        head = headOf(status, headers);
      },
      onResponseData(_controller, chunk) {
        chunks.push(chunk);
      },
      onResponseEnd() {
        if (head) settle({ kind: 'whole', head, headers, bytes: Buffer.concat(chunks) });
        else fail(null);
      },
      onResponseError(_controller, error) {
        fail(error);
      },
    });
  });
}

function lostCodeOf(error: unknown): LostCode {
  const isTooLarge =
    typeof error === 'object' && error !== null && 'code' in error && error.code === 'UND_ERR_RES_EXCEEDED_MAX_SIZE';
  return isTooLarge ? 'REPLY_TOO_LARGE' : 'CONNECTION_LOST';
}
