// Bytes that are no HTTP, or nearly.
import fc from 'fast-check';
import { ORDER_BODY } from './requests.ts';

/** What goes onto a connection, as Latin-1, with the places of a shot; `end` closes our side behind it. */
export interface Noise {
  readonly pieces: readonly string[];
  readonly end: boolean;
}

const HEAD = 'Host: a\r\nAuthorization: Bearer <<key>>\r\nContent-Type: application/json\r\n';
const READ = `GET /orders/<<own>> HTTP/1.1\r\n${HEAD}\r\n`;
const CREATE = `POST /orders HTTP/1.1\r\n${HEAD}Content-Length: <<length>>\r\n\r\n${ORDER_BODY}`;

/** Refused however it slips: what is answered too late to be heard must not leave an order behind. */
const REFUSED = CREATE.replace('<<user>>', '00000000-0000-4000-8000-000000000000');

/** Each of these once in every run. */
export const KNOWN_NOISE: readonly Noise[] = [
  ['hello\r\n\r\n'],
  ['\r\n\r\n\r\n'],
  ['\u0000'.repeat(100)],
  ['\u0016\u0003\u0001\u0000\u00a5\u0001\u0000\u0000\u00a1\u0003\u0003'],
  ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ['GET / HTTP/0.9\r\n\r\n'],
  ['GET / HTTP/9.9\r\nHost: a\r\n\r\n'],
  ['GET /\r\n\r\n'],
  ['GET / HTTP/1.1\nHost: a\n\n'],
  ['GET / HTTP/1.1\rHost: a\r\r'],
  ['GET / HTTP/1.1\r\n\r\n'],
  ['GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n'],
  ['GET / HTTP/1.1\r\nHost: a\r\n : x\r\n\r\n'],
  ['GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n'],
  ['GET / HTTP/1.1\r\nHost: a\r\nX: a\u0000b\r\n\r\n'],
  ['GET / HTTP/1.1\r\nHost: a\r\nX Y: a\r\n\r\n'],
  [`GET /${'x'.repeat(20_000)} HTTP/1.1\r\nHost: a\r\n\r\n`],
  [`GET / HTTP/1.1\r\nHost: a\r\n${'X: y\r\n'.repeat(4_000)}\r\n`],
  ['CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['GET /orders HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n\r\n'],
  ['POST /orders HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef'],
  [
    'POST /orders HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n',
  ],
  ['POST /orders HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n'],
  [`POST /orders HTTP/1.1\r\n${HEAD}Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n{}\r\n0\r\n\r\n`],
  [`POST /orders HTTP/1.1\r\n${HEAD}Transfer-Encoding: chunked\r\n\r\n-1\r\n{}\r\n0\r\n\r\n`],
  [`POST /orders HTTP/1.1\r\n${HEAD}Transfer-Encoding: chunked\r\n\r\n2;${'x'.repeat(20_000)}\r\n{}\r\n0\r\n\r\n`],
  [
    `POST /orders HTTP/1.1\r\n${HEAD}Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nX-Trailer: a\r\nContent-Length: 5\r\n\r\n`,
  ],
  [READ.repeat(20)],
  [`${READ}${'garbage\r\n'.repeat(20)}\r\n`],
  [CREATE.slice(0, 40)],
  [CREATE.slice(0, -1)],
  [CREATE.slice(0, -1), ''],
].flatMap((pieces) => [
  { pieces, end: false },
  { pieces, end: true },
]);

type Slip = (text: string) => string;
const part = fc.double({ min: 0, max: 1, noNaN: true });
const at = (text: string, where: number) => Math.floor(where * text.length);

/** One slip of whoever wrote it: a byte more, less or other, a piece twice, an end too early, other line ends. */
const slip: fc.Arbitrary<Slip> = fc.oneof(
  fc.tuple(part, fc.nat({ max: 255 })).map(
    ([where, byte]): Slip =>
      (text) =>
        text.slice(0, at(text, where)) + String.fromCharCode(byte) + text.slice(at(text, where) + 1),
  ),
  fc.tuple(part, fc.nat({ max: 255 })).map(
    ([where, byte]): Slip =>
      (text) =>
        text.slice(0, at(text, where)) + String.fromCharCode(byte) + text.slice(at(text, where)),
  ),
  fc.tuple(part, fc.nat({ max: 20 })).map(
    ([where, count]): Slip =>
      (text) =>
        text.slice(0, at(text, where)) + text.slice(at(text, where) + count),
  ),
  fc.tuple(part, fc.nat({ max: 60 })).map(
    ([where, count]): Slip =>
      (text) =>
        text.slice(0, at(text, where) + count) + text.slice(at(text, where)),
  ),
  part.map(
    (where): Slip =>
      (text) =>
        text.slice(0, at(text, where)),
  ),
  fc.constantFrom<Slip>(
    (text) => text.replaceAll('\r\n', '\n'),
    (text) => text.replaceAll('\r\n', '\r'),
    (text) => text.replace('HTTP/1.1', 'HTTP/1.0'),
    (text) => text.replace(' ', '\t'),
  ),
);

/** A right request with a few slips, or bytes at random; in one piece or in several. */
export const noise: fc.Arbitrary<Noise> = fc
  .record({
    text: fc.oneof(
      {
        weight: 5,
        arbitrary: fc
          .tuple(fc.constantFrom(READ, REFUSED), fc.array(slip, { minLength: 1, maxLength: 3 }))
          .map(([text, slips]) => slips.reduce((it, one) => one(it), text)),
      },
      { weight: 1, arbitrary: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes).toString('latin1')) },
    ),
    cut: fc.option(part, { nil: null }),
    end: fc.boolean(),
  })
  .map(({ text, cut, end }) => ({
    pieces: cut === null ? [text] : [text.slice(0, at(text, cut)), text.slice(at(text, cut))],
    end,
  }));
