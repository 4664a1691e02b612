import { randomInt } from 'node:crypto';

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

export type IdPrefix = 'cus' | 'txn' | 'ord' | 'qte' | 'qop' | 'vac' | 'wlt' | 'evt' | 'wep' | 'wdl';

/** A fresh id as Conduit writes them: `<prefix>_` and 22 base-62 characters. */
export function newId(prefix: IdPrefix): string {
  let text = `${prefix}_`;
  for (let i = 0; i < 22; i += 1) text += ALPHABET[randomInt(ALPHABET.length)];
  return text;
}

export function isId(prefix: IdPrefix, text: string): boolean {
  return text.startsWith(`${prefix}_`) && /^[0-9A-Za-z]{22}$/.test(text.slice(prefix.length + 1));
}
