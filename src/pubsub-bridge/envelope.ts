import { z } from 'zod';
import type { Topic } from '../db/outbox.ts';
import { ACTORS } from '../db/transition.ts';

/** Workflow ids are made of the order's id as PostgreSQL prints it. */
const OrderId = z.uuid().toLowerCase();

const OrderCheck = z.object({ v: z.literal(1), order_id: OrderId });
const OrderChange = z.object({
  v: z.literal(1),
  order_id: OrderId,
  version: z.int().positive(),
  actor: z.enum(ACTORS),
});
const ConduitEvent = z.object({ v: z.literal(1), order_id: OrderId, event_id: z.string().min(1).max(512) });

/** What each topic carries. Fields that we do not know are let through: a newer relay may add some, under the same version. */
const ENVELOPES = {
  'order-checks': OrderCheck,
  'order-changes': OrderChange,
  'conduit-events': ConduitEvent,
} as const satisfies Record<Topic, z.ZodType>;

export type Envelope<T extends Topic> = z.infer<(typeof ENVELOPES)[T]>;

/** Why a message can never be handled, however often it is delivered: it is parked, with this word. */
export type Unreadable = 'too_large' | 'not_json' | 'unknown_version' | 'wrong_shape';

export type Read<T extends Topic> =
  | { readonly kind: 'read'; readonly envelope: Envelope<T> }
  | { readonly kind: 'unreadable'; readonly reason: Unreadable; readonly detail: string };

/** Ours are under 200 bytes. The bound is checked first, so that nobody makes us parse megabytes. */
const MAX_BYTES = 64 * 1_024;

/** Reads a message's payload. The detail names fields and types, never a value. */
export function readEnvelope<T extends Topic>(topic: T, data: Uint8Array): Read<T> {
  if (data.length > MAX_BYTES) return unreadable('too_large', `${data.length} bytes, at most ${MAX_BYTES}`);
  let payload: unknown;
  try {
    payload = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(data));
  } catch {
    return unreadable('not_json', 'the payload is not JSON in UTF-8');
  }
  const parsed = ENVELOPES[topic].safeParse(payload);
  if (parsed.success) return { kind: 'read', envelope: parsed.data as Envelope<T> };
  const { issues } = parsed.error;
  const reason = isOfAnotherVersion(payload) ? 'unknown_version' : 'wrong_shape';
  return unreadable(reason, issues.map(({ path, code }) => `${path.join('.') || 'payload'}: ${code}`).join(', '));
}

function unreadable(reason: Unreadable, detail: string) {
  return { kind: 'unreadable', reason, detail } as const;
}

function isOfAnotherVersion(payload: unknown): boolean {
  return (
    typeof payload === 'object' && payload !== null && 'v' in payload && Number.isInteger(payload.v) && payload.v !== 1
  );
}
