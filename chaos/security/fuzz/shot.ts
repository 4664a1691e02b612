// A request as the search for faults makes it up: with places for what only a run knows, so that it can be told and repeated.
import { createHmac } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { type Header, requestBytes } from '../raw-http.ts';

/** What stands for what, as `<<own>>`. */
export interface Places {
  /** An API key, and the user that it acts for. */
  readonly key: string;
  readonly user: string;
  /** An order of that user, one of another, and the other. */
  readonly own: string;
  readonly foreign: string;
  readonly other: string;
}

export type Signature = 'right' | 'none' | 'wrong_secret' | 'wrong_body' | 'too_old' | 'too_new' | 'twice' | 'no_time';

export interface Shot {
  readonly method: string;
  readonly target: string;
  readonly headers: readonly Header[];
  readonly body: string;
  /** Single bytes of the body that are others: at this part of it, this byte. */
  readonly damage: readonly (readonly [at: number, byte: number])[];
  /** How its length is told: `long` promises more than comes, `short` less. */
  readonly length: 'right' | 'chunked' | 'long' | 'short' | 'both';
  readonly packing: 'plain' | 'gzip' | 'bomb';
  readonly signature: Signature | null;
}

export const PLAIN: Shot = {
  method: 'GET',
  target: '/',
  headers: [],
  body: '',
  damage: [],
  length: 'right',
  packing: 'plain',
  signature: null,
};

export interface Rendered {
  readonly bytes: Buffer;
  /** The body as it was before it was packed. */
  readonly body: Buffer;
  /** The server has all that was promised to it. */
  readonly isWhole: boolean;
  /** It must also answer: of more than it takes in it may hang up while we still write, and its answer is lost on the way. */
  readonly isOwed: boolean;
}

export interface RenderDeps {
  readonly places: Places;
  readonly webhookSecret: string;
  /** Unlike in every other shot. */
  readonly fresh: string;
  readonly now: number;
}

/** Longer than the shortest life that the service takes at any pace; each of these orders is cancelled at once. */
const LIVES_MS = 150_000;
const BOMB_BYTES = 20_000_000;
const MOST_HEAD_BYTES = 16_000;
const MOST_BODY_BYTES = 16_000;
const MOST_TOLD_CHARS = 2_500;

export function render(shot: Shot, deps: RenderDeps): Rendered {
  const plain = damaged(Buffer.from(fill(shot.body, deps), 'utf8'), shot.damage);
  const packed = pack(plain, shot.packing);
  const headers: Header[] = [
    ...(shot.packing === 'plain' ? [] : [['Content-Encoding', 'gzip'] as const]),
    ...shot.headers.map(([name, value]): Header => [name, latin1(fill(value, deps))]),
    ...signatureOf(shot.signature, packed, deps),
    ...lengthOf(shot, packed),
  ];
  const body = shot.length === 'chunked' || shot.length === 'both' ? chunked(packed) : packed;
  const bytes = requestBytes(shot.method, latin1(fill(shot.target, deps)), headers, body);
  // Behind a request that is told too short there is rubbish, for which the service hangs up.
  const isWhole = shot.length !== 'long' && shot.length !== 'short' && shot.method !== 'CONNECT';
  const isTaken = bytes.length - body.length <= MOST_HEAD_BYTES && body.length <= MOST_BODY_BYTES;
  return { bytes, body: plain, isWhole, isOwed: isWhole && isTaken };
}

/** As it could be written into a test: its places unfilled, long repetitions counted. */
export function describeShot(shot: object): string {
  const told = Object.fromEntries(
    Object.entries(shot).filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(Reflect.get(PLAIN, name))),
  );
  const text = JSON.stringify(told).replaceAll(
    /(.{1,24}?)\1{19,}/g,
    (run, unit: string) => `${unit}{×${run.length / unit.length}}`,
  );
  return text.length > MOST_TOLD_CHARS ? `${text.slice(0, MOST_TOLD_CHARS)}… (${text.length} characters)` : text;
}

/** The text with what stands for its places. */
export function fill(text: string, { places, fresh, now }: RenderDeps): string {
  return text.replaceAll(/<<([a-z]+)>>/g, (all, name: string) => {
    if (name === 'fresh') return fresh;
    if (name === 'expiry') return new Date(now + LIVES_MS).toISOString();
    return name in places ? places[name as keyof Places] : all;
  });
}

/** Heads are written byte by byte: what is beyond a byte becomes several. */
function latin1(text: string): string {
  return Buffer.from(text, 'latin1').toString('latin1') !== text ? Buffer.from(text, 'utf8').toString('latin1') : text;
}

function damaged(bytes: Buffer, damage: Shot['damage']): Buffer {
  if (bytes.length === 0) return bytes;
  for (const [at, byte] of damage) bytes[Math.floor(at * bytes.length)] = byte;
  return bytes;
}

function pack(bytes: Buffer, packing: Shot['packing']): Buffer {
  if (packing === 'plain') return bytes;
  return gzipSync(packing === 'bomb' ? Buffer.alloc(BOMB_BYTES, '{"a":') : bytes);
}

function lengthOf({ length }: Shot, body: Buffer): Header[] {
  const exact = body.length;
  switch (length) {
    case 'right':
      return [];
    case 'chunked':
      return [['Transfer-Encoding', 'chunked']];
    case 'both':
      return [
        ['Content-Length', String(exact)],
        ['Transfer-Encoding', 'chunked'],
      ];
    case 'long':
      return [['Content-Length', String(exact + 10)]];
    case 'short':
      return [['Content-Length', String(Math.floor(exact / 2))]];
  }
}

const CHUNK = 700;

function chunked(bytes: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += CHUNK) {
    const part = bytes.subarray(at, at + CHUNK);
    parts.push(Buffer.from(`${part.length.toString(16)}\r\n`), part, Buffer.from('\r\n'));
  }
  return Buffer.concat([...parts, Buffer.from('0\r\n\r\n')]);
}

const FAR_S = 3_600;

/** As Conduit signs: `t=<seconds>,v1=<HMAC-SHA256 of "t." and the bytes>`. */
function signatureOf(signature: Signature | null, body: Buffer, { webhookSecret, now }: RenderDeps): Header[] {
  if (signature === null || signature === 'none') return [];
  const second = Math.floor(now / 1_000);
  const t = String(signature === 'too_old' ? second - FAR_S : signature === 'too_new' ? second + FAR_S : second);
  const secret = signature === 'wrong_secret' ? `${webhookSecret}0` : webhookSecret;
  const signed = signature === 'wrong_body' ? Buffer.concat([body, Buffer.from(' ')]) : body;
  const digest = createHmac('sha256', secret).update(`${t}.`).update(signed).digest('hex');
  if (signature === 'no_time') return [['X-Conduit-Signature', `v1=${digest}`]];
  const value = `t=${t},v1=${digest}`;
  // Node joins them to one header with two times in it, which is none of Conduit's.
  const header: Header = ['X-Conduit-Signature', value];
  return signature === 'twice' ? [header, header] : [header];
}
