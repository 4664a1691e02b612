import { createHmac, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import type { Instant } from '../../domain/order.ts';

/** `stale`: truly Conduit's, but signed too long ago or ahead. All but `ok` are refused alike; the word is for the log. */
export type WebhookVerdict = 'ok' | 'missing' | 'malformed' | 'mismatch' | 'stale';

const TOLERANCE_SECONDS = 300;
/** Longer than any real header, and a bound on the work that a stranger can ask for. */
const MAX_HEADER_CHARS = 2_000;

/**
 * Judges `X-Conduit-Signature: t=<unix seconds>,v1=<hex>[,v1=<hex>]`: any v1 that matches under any of our secrets is good
 * (both sides rotate), over the raw bytes as they came. `now` is a clock that may be asked for, in milliseconds: it is asked only
 * for what is signed, so that a stranger's delivery costs nobody a query.
 */
export async function verifyWebhook(
  rawBody: Buffer,
  signatureHeader: string | undefined,
  secrets: readonly string[],
  now: () => Instant | Promise<Instant>,
): Promise<WebhookVerdict> {
  if (signatureHeader === undefined || signatureHeader === '') return 'missing';
  if (signatureHeader.length > MAX_HEADER_CHARS) return 'malformed';
  const parts = signatureHeader.split(',').map((part) => part.trim());
  const times = parts.filter((part) => part.startsWith('t=')).map((part) => part.slice(2));
  const signatures = parts
    .filter((part) => /^v1=[0-9a-f]{64}$/i.test(part))
    .map((part) => Buffer.from(part.slice(3), 'hex'));
  const [time, ...moreTimes] = times;
  if (time === undefined || moreTimes.length > 0 || !/^\d{1,12}$/.test(time) || signatures.length === 0)
    return 'malformed';

  // `t` goes into the digest as it was received. An empty secret would let anybody sign.
  const expected = secrets
    .filter((secret) => secret !== '')
    .map((secret) => createHmac('sha256', secret).update(`${time}.`).update(rawBody).digest());
  const matches = expected.flatMap((digest) => signatures.map((signature) => timingSafeEqual(digest, signature)));
  if (!matches.includes(true)) return 'mismatch';
  // Whole seconds against whole seconds, as the header counts them.
  const distance = Math.abs(Math.floor((await now()) / 1_000) - Number(time));
  return distance > TOLERANCE_SECONDS ? 'stale' : 'ok';
}

/** An event is a hint of what to read again. */
export interface WebhookEvent {
  readonly id: string;
  readonly type: string;
  readonly conduitOrderId: string | null;
  readonly conduitTransactionId: string | null;
  readonly reference: string | null;
}

const Reference = z
  .string()
  .regex(/^[\w.:-]{1,255}$/)
  .nullish()
  .catch(null);

const EventBody = z
  .object({
    id: z.string().regex(/^[\w-]{1,100}$/),
    type: z.string().regex(/^[\w.]{1,100}$/),
    data: z
      .object({ orderId: Reference, transactionId: Reference, clientReferenceId: Reference })
      .nullish()
      .catch(null),
  })
  .transform(
    ({ id, type, data }): WebhookEvent => ({
      id,
      type: type.toLowerCase(),
      conduitOrderId: data?.orderId ?? null,
      conduitTransactionId: data?.transactionId ?? null,
      reference: data?.clientReferenceId ?? null,
    }),
  );

/** The event in a verified body, or null when it is not one. What it does not say in a known form reads as null. */
export function parseWebhookEvent(rawBody: Buffer): WebhookEvent | null {
  try {
    return EventBody.safeParse(JSON.parse(rawBody.toString('utf8'))).data ?? null;
  } catch {
    return null;
  }
}
