import { z } from 'zod';

/** How a delivery can be made to look as if it were not Conduit's. */
export const Forgery = z.enum(['wrong_secret', 'altered_body', 'no_signature']);
export type Forgery = z.infer<typeof Forgery>;

/** What a fault does to one event's way to one endpoint. */
export const DeliveryTwist = z.strictObject({
  /** Not sent at all; Conduit believes it was. */
  never: z.boolean().optional(),
  /** Sent so many times in all, with one and the same event id. */
  copies: z.number().int().min(1).max(50).optional(),
  /** Sent this much later, in real milliseconds; the ones after it do not wait. */
  delayMs: z.number().int().min(0).optional(),
  /** Sent after the next event of the same order. */
  reorder: z.boolean().optional(),
  /** A false copy, under another event id, goes ahead of the true one. */
  forge: Forgery.optional(),
  /** The signature's time is this much off. */
  skewSeconds: z.number().int().optional(),
});
export type DeliveryTwist = z.infer<typeof DeliveryTwist>;
