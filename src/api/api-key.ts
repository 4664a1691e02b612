import { createHash, randomBytes } from 'node:crypto';

const PREFIX = 'cpt_';
const RANDOM_BYTES = 32;
const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
/** 62^43 is the first power above 2^256. */
const RANDOM_CHARS = 43;
const SHOWN_CHARS = 8;

const API_KEY = new RegExp(`^${PREFIX}[0-9A-Za-z]{${RANDOM_CHARS}}$`);

/** A new key, shown once, with what is kept of it. */
export function newApiKey(): { readonly key: string; readonly prefix: string; readonly hash: string } {
  let rest = BigInt(`0x${randomBytes(RANDOM_BYTES).toString('hex')}`);
  let text = '';
  for (let count = 0; count < RANDOM_CHARS; count += 1) {
    text = ALPHABET.charAt(Number(rest % 62n)) + text;
    rest /= 62n;
  }
  const key = PREFIX + text;
  return { key, prefix: key.slice(0, SHOWN_CHARS), hash: hashApiKey(key) };
}

export function isApiKey(text: string): boolean {
  return API_KEY.test(text);
}

/** Hex of the SHA-256. Plain, without salt: the key is random and long, so there is nothing to guess. */
export function hashApiKey(key: string): string {
  return createHash('sha256').update(key).digest('hex');
}
