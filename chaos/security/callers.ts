import { randomInt } from 'node:crypto';
import { runProductCommand } from '../../stack/product.ts';
import type { Customer, System } from '../system/system.ts';
import type { Header } from './raw-http.ts';

/** `nobody` is not let in, `stranger` acts for somebody else, `allowed` may see the order. */
export type CallerKind = 'nobody' | 'stranger' | 'allowed';

export interface Caller {
  readonly name: string;
  readonly kind: CallerKind;
  readonly headers: readonly Header[];
}

export interface Callers {
  readonly all: readonly Caller[];
  /** Takes the keys back that were made for them. */
  dismiss(): Promise<void>;
}

const KEY_CHARS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const SHOWN_CHARS = 8;

const bearer = (key: string): Header => ['Authorization', `Bearer ${key}`];

/** Every kind of caller of an order of `owner`; the keys of some are made, and one revoked, as an operator does it. */
export async function callersOf({ env, keepSecret }: System, owner: Customer, stranger: Customer): Promise<Callers> {
  const admin = (...args: string[]) => runProductCommand('admin', args, env);
  const revoke = (key: string) => admin('key', 'revoke', '--prefix', key.slice(0, SHOWN_CHARS));
  const [service, revoked] = await Promise.all([
    admin('key', 'add', '--service'),
    admin('key', 'add', '--user', owner.userId),
  ]);
  keepSecret(service, revoked);
  await revoke(revoked);
  const nobody = (name: string, ...headers: Header[]): Caller => ({ name, kind: 'nobody', headers });
  const own = owner.apiKey;
  return {
    dismiss: async () => void (await revoke(service)),
    all: [
      nobody('no credentials'),
      nobody('an empty header', ['Authorization', '']),
      nobody('the right key by another scheme', ['Authorization', `Basic ${own}`]),
      nobody('the right key without a scheme', ['Authorization', own]),
      nobody('the right key as a cookie', ['Cookie', `authorization=Bearer ${own}; api_key=${own}`]),
      nobody('the right key cut short', bearer(own.slice(0, -1))),
      nobody('the right key with more behind it', bearer(`${own},${own}`)),
      nobody('the right key in other letters', bearer(otherLetters(own))),
      nobody('a key of another form', bearer("' or '1'='1")),
      nobody('a key that nobody has', bearer(unknownKey())),
      nobody('a key that was revoked', bearer(revoked)),
      { name: "another user's key", kind: 'stranger', headers: [bearer(stranger.apiKey)] },
      {
        name: "another user's key, with the owner's before it elsewhere",
        kind: 'stranger',
        headers: [
          ['X-User-Id', owner.userId],
          ['X-Api-Key', own],
          ['Proxy-Authorization', `Bearer ${own}`],
          bearer(stranger.apiKey),
        ],
      },
      { name: "the owner's key", kind: 'allowed', headers: [bearer(own)] },
      { name: "a service's key", kind: 'allowed', headers: [bearer(service)] },
    ],
  };
}

/** Well-formed. A key is compared by its hash, so that this is as good as one that is nearly right. */
function unknownKey(): string {
  return `cpt_${Array.from({ length: 43 }, () => KEY_CHARS.charAt(randomInt(KEY_CHARS.length))).join('')}`;
}

/** The same key for whoever does not tell capitals from small letters. */
function otherLetters(key: string): string {
  const [prefix, random = ''] = key.split('_');
  const swapped = random.replaceAll(/[a-z]/gi, (char) =>
    char === char.toLowerCase() ? char.toUpperCase() : char.toLowerCase(),
  );
  return `${prefix}_${swapped}`;
}
