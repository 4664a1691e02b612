// Clients that never come to an end: a few of them must not keep anybody else from being served.
import { connect, type Socket } from 'node:net';

const HEAD =
  'POST /orders HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n{"amount":"';
const DRIP_MS = 400;

const ASKED = 'GET /health/live HTTP/1.1\r\nHost: a\r\n\r\n';
/** Answered at once, before its body has come: with the client's answers stuck, nobody learns of it, and its deadline goes on. */
const UNREAD = 'POST /orders HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n';
/**
 * Clients that never read are first answered so often. The buffers on the way to one hold about 4,500 of these answers. What is asked
 * last comes in one piece of 64 kB, which the service reads at once: so with one of these its last answer is stuck in the service.
 */
const FILLS = [2_500, 4_000, 5_500] as const;
const LAST_PIECE = ASKED.repeat(1_600) + UNREAD;
/** Until the first answers have been given. */
const FILL_MS = 1_000;

export interface SlowClients {
  readonly count: number;
  /** What each of them was told, and lets go of them. */
  end(): string[];
}

/**
 * Some send their headers byte by byte, some their body, some nothing at all: `ofEach` of them; and some never read. `url` leads to the
 * service itself, since a proxy would read for those.
 */
export function openSlowClients(url: string, ofEach: number): SlowClients {
  const { hostname, port } = new URL(url);
  const sockets: Socket[] = [];
  const timers: NodeJS.Timeout[] = [];
  const heard: string[] = [];
  const begin = (text: string): Socket => {
    const socket = connect(Number(port), hostname);
    socket.on('error', () => {});
    socket.write(text);
    sockets.push(socket);
    return socket;
  };
  const open = (first: string, rest: string): void => {
    const index = heard.push('') - 1;
    const socket = begin(first).on('data', (bytes) => {
      heard[index] += bytes.toString('latin1');
    });
    let at = 0;
    const drip = setInterval(() => {
      if (at < rest.length && socket.writable) socket.write(rest.charAt(at));
      at += 1;
    }, DRIP_MS);
    timers.push(drip);
  };
  const openDeaf = (fill: number): void => {
    const socket = begin(ASKED.repeat(fill)).pause();
    timers.push(setTimeout(() => socket.write(LAST_PIECE), FILL_MS));
  };
  for (let count = 0; count < ofEach; count += 1) {
    open('', HEAD);
    open(HEAD, 'x'.repeat(900));
    open('', '');
  }
  for (const fill of FILLS) openDeaf(fill);
  return {
    count: sockets.length,
    end() {
      for (const timer of timers) clearTimeout(timer);
      for (const socket of sockets) socket.destroy();
      return heard;
    },
  };
}
