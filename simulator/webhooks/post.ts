import { randomBytes } from 'node:crypto';
import { Agent, request } from 'undici';
import type { Endpoint, WebhookEvent } from '../book/entries.ts';
import type { Clock } from '../core/clock.ts';
import type { KnobBoard } from '../core/knobs.ts';
import type { Endpoints } from './endpoints.ts';
import type { Forgery } from './forgery.ts';
import { newSecret, signatureHeader } from './signature.ts';

/** The receiver's status, or why there was none. */
export type Sent = { status: number } | { error: string };
export type SendOptions = { forge?: Forgery | undefined; skewSeconds?: number | undefined };

export type Poster = {
  /** Posts one signed event; never throws. A redirect is not followed: it is an answer like any other. */
  post(endpoint: Endpoint, deliveryId: string, message: WebhookEvent, how: SendOptions): Promise<Sent>;
  close(): Promise<void>;
};

type PosterDeps = { clock: Clock; knobs: KnobBoard; endpoints: Endpoints };

export function createPoster({ clock, knobs, endpoints }: PosterDeps): Poster {
  const agent = new Agent({ keepAliveTimeout: 1_000 });

  return {
    async post(endpoint, deliveryId, message, { forge, skewSeconds = 0 }) {
      const signedBody = JSON.stringify(message);
      const secrets = forge === 'wrong_secret' ? [newSecret()] : endpoints.secretsOf(endpoint);
      const unixSeconds = Math.floor(clock.nowMs() / 1000) + skewSeconds;
      const signature = { 'x-conduit-signature': signatureHeader(secrets, unixSeconds, signedBody) };
      const altered = { ...message, data: { ...message.data, note: randomBytes(4).toString('hex') } };
      try {
        const reply = await request(endpoint.url, {
          method: 'POST',
          dispatcher: agent,
          headers: {
            'content-type': 'application/json',
            'user-agent': 'conduit-simulator',
            'x-conduit-delivery-id': deliveryId,
            'x-conduit-event': message.type,
            ...(forge === 'no_signature' ? {} : signature),
          },
          body: forge === 'altered_body' ? JSON.stringify(altered) : signedBody,
          signal: AbortSignal.timeout(knobs.get().webhookTimeoutMs),
        });
        await reply.body.dump();
        return { status: reply.statusCode };
      } catch (error) {
        const { message: text, code } = error as NodeJS.ErrnoException;
        return { error: text || code || 'unknown' };
      }
    },
    close: () => agent.destroy(),
  };
}
