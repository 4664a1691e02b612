import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import type { Instant } from '../../domain/order.ts';

export type Headers = Readonly<Record<string, string | string[] | undefined>>;

/** What the headers of a reply say. */
export interface ReplyHead {
  readonly status: number;
  /** Conduit's own id of the call, for its support. */
  readonly correlationId: string | null;
  /** Conduit's clock, to the second. */
  readonly serverDate: Instant | null;
  /** `Retry-After`, bounded; null when there was none. */
  readonly retryAfterMs: number | null;
}

/** A reply's body: the JSON value in it, or that it holds none that can be believed. */
export type ReplyBody =
  | { readonly kind: 'json'; readonly value: unknown }
  | { readonly kind: 'other'; readonly bytes: number };

const HTTP_DATE = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/;
/** A wait of nothing would make the next send a busy loop; a longer one than an hour is a mistake, and would outlive the order. */
const MIN_RETRY_MS = 1_000;
const MAX_RETRY_MS = 3_600_000;
/** What one row keeps of a reply: several times the largest order body. */
const MAX_RAW_BYTES = 16 * 1024;

const unzip = promisify(gunzip);

function one(headers: Headers, name: string): string | null {
  const value = headers[name];
  return (typeof value === 'string' ? value : value?.[0]) ?? null;
}

function dateOf(text: string | null): Instant | null {
  const instant = text !== null && HTTP_DATE.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(instant) ? null : instant;
}

/** A wait that Conduit asked for, within what we follow. */
export function boundedRetryMs(ms: number): number {
  return Math.min(Math.max(Math.ceil(ms), MIN_RETRY_MS), MAX_RETRY_MS);
}

function retryAfterOf(text: string | null, serverDate: Instant | null): number | null {
  if (text === null) return null;
  if (/^\d+$/.test(text)) return boundedRetryMs(Number(text) * 1_000);
  const until = dateOf(text);
  // Both times are Conduit's where it sent both, so that our clock does not enter.
  return until === null ? null : boundedRetryMs(until - (serverDate ?? Date.now()));
}

export function headOf(status: number, headers: Headers): ReplyHead {
  const serverDate = dateOf(one(headers, 'date'));
  return {
    status,
    correlationId: one(headers, 'x-correlation-id')?.slice(0, 200) ?? null,
    serverDate,
    retryAfterMs: retryAfterOf(one(headers, 'retry-after'), serverDate),
  };
}

/**
 * The JSON of a whole reply. Anything that says to be of another type is not Conduit's own word, even if it parses:
 * gateways answer with pages of theirs, and a proof must not rest on one. No type at all is let pass.
 */
export async function readBody(headers: Headers, bytes: Buffer, maxBytes: number): Promise<ReplyBody> {
  const other: ReplyBody = { kind: 'other', bytes: bytes.length };
  const type = one(headers, 'content-type')?.split(';')[0]?.trim().toLowerCase() ?? null;
  if (type !== null && type !== 'application/json' && !/^application\/[\w.-]+\+json$/.test(type)) return other;
  try {
    const plain = await decoded(one(headers, 'content-encoding'), bytes, maxBytes);
    if (plain === null) return other;
    return { kind: 'json', value: JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(plain)) };
  } catch {
    return other; // Cut short, not UTF-8, too large once unpacked, or not JSON.
  }
}

async function decoded(encoding: string | null, bytes: Buffer, maxBytes: number): Promise<Buffer | null> {
  switch (encoding?.trim().toLowerCase() ?? 'identity') {
    case 'identity':
      return bytes;
    case 'gzip':
    case 'x-gzip':
      return unzip(bytes, { maxOutputLength: maxBytes });
    default:
      return null;
  }
}

/** What may be stored of a reply: its JSON as parsed, or a note on why it is not kept. Never a header. */
export function storableRaw(body: ReplyBody): unknown {
  if (body.kind === 'other') return { omitted: 'not_json', bytes: body.bytes };
  return storableValue(body.value);
}

export function storableValue(value: unknown): unknown {
  let text: string;
  try {
    text = JSON.stringify(value);
  } catch {
    return { omitted: 'not_storable' }; // Nested beyond the stack: it was parsed, but cannot be printed.
  }
  const bytes = Buffer.byteLength(text);
  if (bytes > MAX_RAW_BYTES) return { omitted: 'too_large', bytes };
  // PostgreSQL's jsonb refuses NUL and lone surrogates, and a reply that cannot be stored would be lost with its proof.
  return /\\u(0000|d[89a-f])/i.test(text) ? { omitted: 'not_storable', bytes } : value;
}
