// HTTP by hand: what a well-behaved client could neither send nor see.
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export type Header = readonly [name: string, value: string];

export interface RawReply {
  readonly status: number;
  /** As they came: in order, twice where they came twice, names in small letters. */
  readonly headers: readonly Header[];
  readonly body: string;
  /** All of it, byte for byte, as Latin-1. */
  readonly text: string;
}

export interface Heard {
  /** Interim replies (1xx) are left out. */
  readonly replies: readonly RawReply[];
  /** Bytes that make no whole reply. */
  readonly rest: string;
  /** Neither a whole reply nor an end of the connection came in time. */
  readonly isSilent: boolean;
  readonly ms: number;
}

export interface ShotOptions {
  readonly deadlineMs: number;
  /** The reply to HEAD announces a body that never comes. */
  readonly isHead?: boolean;
  /** Ends our side behind the last piece, so that the server sees a request that breaks off. */
  readonly end?: boolean;
  /** Between two pieces. */
  readonly gapMs?: number;
}

/** Sends the pieces on a connection of their own and listens until the first whole reply or the end. Never throws. */
export async function shoot(url: string, pieces: readonly Buffer[], options: ShotOptions): Promise<Heard> {
  const { hostname, port } = new URL(url);
  const { deadlineMs, isHead = false } = options;
  const beganAt = performance.now();
  const socket = connect({ host: hostname, port: Number(port), noDelay: true });
  let text = '';
  let isSilent = false;
  await new Promise<void>((resolve) => {
    const timer = setTimeout(() => {
      isSilent = true;
      resolve();
    }, deadlineMs);
    const done = (): void => {
      clearTimeout(timer);
      resolve();
    };
    socket.on('data', (bytes) => {
      text += bytes.toString('latin1');
      if (readReplies(text, isHead).replies.length > 0) done();
    });
    // A server that has answered may reset what we still send.
    socket.on('error', done).on('close', done);
    void write(options);
  });
  socket.destroy();
  return { ...readReplies(text, isHead), isSilent, ms: Math.round(performance.now() - beganAt) };

  async function write({ end = false, gapMs = 0 }: ShotOptions): Promise<void> {
    for (const [index, piece] of pieces.entries()) {
      if (index > 0) await sleep(gapMs);
      if (!socket.destroyed) socket.write(piece);
    }
    if (end) socket.end();
  }
}

/** The whole replies at the beginning of what was heard, and what is left behind them. */
export function readReplies(heard: string, isHead = false): { replies: RawReply[]; rest: string } {
  const replies: RawReply[] = [];
  for (let rest = heard; ; ) {
    const reply = readReply(rest, isHead);
    if (!reply) return { replies, rest };
    if (reply.status >= 200) replies.push(reply);
    rest = rest.slice(reply.text.length);
  }
}

const STATUS_LINE = /^HTTP\/1\.[01] (\d{3}) [^\r\n]*$/;

function readReply(text: string, isHead: boolean): RawReply | null {
  const headEnd = text.indexOf('\r\n\r\n');
  if (headEnd < 0) return null;
  const [first = '', ...lines] = text.slice(0, headEnd).split('\r\n');
  const status = Number(STATUS_LINE.exec(first)?.[1] ?? 0);
  if (status === 0) return null;
  const headers = lines.map((line): Header => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
  });
  const bodyStart = headEnd + 4;
  const hasNoBody = isHead || status < 200 || status === 204 || status === 304;
  const body = hasNoBody ? { bytes: '', length: 0 } : readBody(text.slice(bodyStart), headers);
  if (!body) return null;
  return {
    status,
    headers,
    body: Buffer.from(body.bytes, 'latin1').toString('utf8'),
    text: text.slice(0, bodyStart + body.length),
  };
}

/** Null while it is not there whole. A body without a length is as long as what has come by now. */
function readBody(text: string, headers: readonly Header[]): { bytes: string; length: number } | null {
  const length = headerOf(headers, 'content-length');
  if (length !== undefined) {
    const bytes = text.slice(0, Number(length));
    return bytes.length === Number(length) ? { bytes, length: bytes.length } : null;
  }
  if (headerOf(headers, 'transfer-encoding') !== 'chunked') return { bytes: text, length: text.length };
  let bytes = '';
  for (let at = 0; ; ) {
    const lineEnd = text.indexOf('\r\n', at);
    if (lineEnd < 0) return null;
    const size = Number.parseInt(text.slice(at, lineEnd), 16);
    const next = lineEnd + 2 + size + 2;
    if (Number.isNaN(size) || text.length < next) return null;
    bytes += text.slice(lineEnd + 2, lineEnd + 2 + size);
    if (size === 0) return { bytes, length: next };
    at = next;
  }
}

/** The first value of a header; undefined when it did not come. */
export function headerOf(headers: readonly Header[], name: string): string | undefined {
  return headers.find(([it]) => it === name)?.[1];
}

/** The bytes of a request. `Host`, the body's length and an end of the connection come by themselves where they are not given. */
export function requestBytes(
  method: string,
  target: string,
  headers: readonly Header[],
  body: Buffer | string = '',
): Buffer {
  const bytes = Buffer.from(body);
  const has = (name: string) => headers.some(([it]) => it.toLowerCase() === name);
  const own: Header[] = [
    ...(has('host') ? [] : [['Host', 'api.test'] as const]),
    ...(has('connection') ? [] : [['Connection', 'close'] as const]),
    ...(bytes.length === 0 || has('content-length') || has('transfer-encoding')
      ? []
      : [['Content-Length', String(bytes.length)] as const]),
  ];
  const lines = [...own, ...headers].map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.concat([Buffer.from(`${method} ${target} HTTP/1.1\r\n${lines.join('')}\r\n`, 'latin1'), bytes]);
}
