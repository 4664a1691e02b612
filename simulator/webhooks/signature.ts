import { createHmac, randomBytes } from 'node:crypto';

/** A signing secret as Conduit shows it once: `whsec_` and 64 hex digits. */
export function newSecret(): string {
  return `whsec_${randomBytes(32).toString('hex')}`;
}

/**
 * The value of `X-Conduit-Signature`: HMAC-SHA256 over `<t>.<raw body>`, keyed with each whole secret, its `whsec_`
 * included. Two secrets sign during a rotation; a receiver may accept either.
 */
export function signatureHeader(secrets: string[], unixSeconds: number, rawBody: string): string {
  const signed = `${unixSeconds}.${rawBody}`;
  const parts = secrets.map((secret) => `v1=${createHmac('sha256', secret).update(signed).digest('hex')}`);
  return [`t=${unixSeconds}`, ...parts].join();
}
