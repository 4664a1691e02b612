// The first line of a request and its headers, right and wrong.
import fc from 'fast-check';
import type { Header } from '../raw-http.ts';
import type { Route } from '../routes.ts';

export const AUTHORIZED: Header = ['Authorization', 'Bearer <<key>>'];
export const JSON_TYPE: Header = ['Content-Type', 'application/json'];

const IDS = [
  '<<own>>',
  '<<own>>',
  '<<foreign>>',
  '00000000-0000-4000-8000-000000000000',
  'x',
  '',
  '%00',
  '<<own>>%20',
  '..',
  '<<own>>/..',
];
const QUERIES = [
  '?after=0&limit=1',
  '?after=1&after=2',
  '?after[]=1',
  '?limit=501',
  '?limit=-1',
  '?after=2147483648',
  '?after=1e2',
  '?after=%31',
  '?after=%',
  '?__proto__[x]=1',
  '?constructor=1',
  '?a=1&__proto__=2',
  '?%00=1',
  '?',
  '??',
  '?=',
  '?&&&',
  `?${'a=1&'.repeat(1_500)}`,
  '?limit=%EF%BC%91',
];
const TAILS = [
  '/',
  '//',
  '/..',
  '/%2e%2e',
  '/%2F',
  ';a=1',
  '%00',
  '%',
  '%zz',
  '%c0%af',
  '/cancel/cancel',
  '/events/1',
  '.json',
  '#part',
  '\u00e9',
  'é',
  ' x',
  '\\',
];
const TARGETS = [
  '*',
  '',
  '//',
  '/',
  'orders',
  'http://api.test/orders',
  'http://[',
  'http://a:b@c/orders',
  '/__proto__',
  '/constructor',
  '/../../etc/passwd',
  '/%2e%2e/%2e%2e/etc/passwd',
  '/favicon.ico',
  '/metrics',
  '/admin',
  '/.env',
  `/${'x'.repeat(8_000)}`,
  `/${'x'.repeat(17_000)}`,
  `/orders/${'%41'.repeat(3_000)}`,
];

/** Paths and whatever else may stand in their place: those of the API with ids of all kinds, and beside them. */
export function targets(routes: readonly Route[]): fc.Arbitrary<string> {
  const templates = fc.constantFrom(...routes.map(({ path }) => path));
  const known = fc.tuple(templates, fc.constantFrom(...IDS)).map(([path, id]) => path.replace(':id', id));
  return fc.oneof(
    { weight: 8, arbitrary: known },
    { weight: 3, arbitrary: fc.tuple(known, fc.constantFrom(...QUERIES)).map((parts) => parts.join('')) },
    { weight: 3, arbitrary: fc.tuple(known, fc.constantFrom(...TAILS)).map((parts) => parts.join('')) },
    { weight: 2, arbitrary: fc.constantFrom(...TARGETS) },
    {
      weight: 1,
      arbitrary: known.map((path) => path.toUpperCase().replaceAll(/<<[A-Z]+>>/g, (it) => it.toLowerCase())),
    },
    { weight: 2, arbitrary: fc.string({ unit: 'grapheme-ascii', maxLength: 40 }).map((path) => `/${encodeURI(path)}`) },
    { weight: 1, arbitrary: fc.webUrl({ withQueryParameters: true }) },
  );
}

export const METHODS = [
  'GET',
  'POST',
  'HEAD',
  'PUT',
  'PATCH',
  'DELETE',
  'OPTIONS',
  'TRACE',
  'CONNECT',
  'PROPFIND',
  'QUERY',
  'PURGE',
  'get',
  'GRAB',
  'POST\u00e9',
];

const KEYS: readonly Header[] = [
  ['Authorization', ''],
  ['Authorization', 'Bearer'],
  ['Authorization', 'Bearer  <<key>>  '],
  ['Authorization', 'bearer <<key>>'],
  ['Authorization', 'Bearer cpt_'],
  ['Authorization', `Bearer cpt_${'0'.repeat(43)}`],
  ['Authorization', `Bearer ${'a '.repeat(5_000)}`],
  ['Authorization', `Bearer ${'x'.repeat(12_000)}`],
  ['Authorization', 'Basic dXNlcjpwYXNz'],
  ['Authorization', 'Bearer \u00ff\u00fe'],
];
export const TYPES = [
  'application/json; charset=utf-16',
  'application/json; charset=latin1',
  'application/json; charset=utf-8',
  'application/json; charset=UTF8;',
  'text/plain',
  'application/x-www-form-urlencoded',
  'multipart/form-data; boundary=x',
  'application/json, text/html',
  'application/ld+json',
  'APPLICATION/JSON',
  '',
  ';',
  'application/json; charset="',
  '*/*',
  'application/json\u00e9',
];
const OTHERS: readonly Header[] = [
  ['Content-Encoding', 'br'],
  ['Content-Encoding', 'identity'],
  ['Content-Encoding', 'gzip, gzip'],
  ['Content-Encoding', 'nonsense'],
  ['Expect', '100-continue'],
  ['Expect', '200-ok'],
  ['Host', ''],
  ['Host', 'a b'],
  ['Host', 'evil.test:99999'],
  ['Connection', 'keep-alive, close'],
  ['Connection', 'Upgrade'],
  ['Upgrade', 'websocket'],
  ['Upgrade', 'h2c'],
  ['TE', 'trailers'],
  ['Transfer-Encoding', 'gzip'],
  ['Transfer-Encoding', 'chunked, identity'],
  ['Content-Length', '-1'],
  ['Content-Length', '1e3'],
  ['Content-Length', '99999999999999999999'],
  ['X-HTTP-Method-Override', 'DELETE'],
  ['X-Forwarded-For', '127.0.0.1, ::1'],
  ['X-Forwarded-Proto', 'https'],
  ['X-Original-URL', '/admin'],
  ['X-Request-Id', ''],
  ['X-Request-Id', 'a'.repeat(65)],
  ['X-Request-Id', '"}{"a":"'],
  ['X-Request-Id', '../x'],
  ['X-Request-Id', '\u00e9'],
  ['Accept', 'text/html'],
  ['Accept-Encoding', 'gzip;q=nonsense'],
  ['If-None-Match', '*'],
  ['Range', 'bytes=0-0,-1'],
  ['Cookie', '__proto__=1; a=%ff'],
  ['Origin', 'https://evil.test'],
  ['Access-Control-Request-Method', 'POST'],
  ['X-Conduit-Signature', 't=1,v1=00'],
  ['X-Long', 'x'.repeat(10_000)],
  ['X-Long', 'x'.repeat(17_000)],
  ['__proto__', 'x'],
  ['constructor', 'x'],
];
const many = fc.constantFrom(50, 1_500).map((count) => Array.from({ length: count }, (): Header => ['X-Many', 'x']));

/** A key or none, a type of the body, and others: each right most of the time. */
export const headers: fc.Arbitrary<readonly Header[]> = fc
  .tuple(
    fc.oneof(
      { weight: 5, arbitrary: fc.constant([AUTHORIZED]) },
      { weight: 1, arbitrary: fc.constant([]) },
      { weight: 2, arbitrary: fc.constantFrom(...KEYS).map((it) => [it]) },
      { weight: 1, arbitrary: fc.constantFrom(...KEYS).map((it) => [it, AUTHORIZED]) },
    ),
    fc.oneof(
      { weight: 4, arbitrary: fc.constant([JSON_TYPE]) },
      { weight: 1, arbitrary: fc.constant([]) },
      { weight: 2, arbitrary: fc.constantFrom(...TYPES).map((type): Header[] => [['Content-Type', type]]) },
      { weight: 1, arbitrary: fc.constantFrom(...TYPES).map((type): Header[] => [JSON_TYPE, ['Content-Type', type]]) },
    ),
    fc.oneof(
      { weight: 3, arbitrary: fc.constant([]) },
      { weight: 4, arbitrary: fc.array(fc.constantFrom(...OTHERS), { minLength: 1, maxLength: 3 }) },
      { weight: 1, arbitrary: many },
    ),
  )
  .map((parts) => parts.flat());
