// Clients that never come to an end: a few of them must not keep anybody else from being served.
import { connect, type Socket } from 'node:net';

const HEAD =
  'POST /orders HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n{"amount":"';
const DRIP_MS = 400;

export interface SlowClients {
  readonly count: number;
  /** What each of them was told, and lets go of them. */
  end(): string[];
}

/** Some send their headers byte by byte, some their body, some nothing at all, and some never read. */
export function openSlowClients(url: string, ofEach: number): SlowClients {
  const { hostname, port } = new URL(url);
  const sockets: Socket[] = [];
  const drips: NodeJS.Timeout[] = [];
  const heard: string[] = [];
  const open = (begin: string, rest: string, isDeaf = false): void => {
    const socket = connect(Number(port), hostname);
    socket.on('error', () => {});
    const index = heard.push('') - 1;
    if (!isDeaf) {
      socket.on('data', (bytes) => {
        heard[index] += bytes.toString('latin1');
      });
    }
    socket.write(begin);
    let at = 0;
    const drip = setInterval(() => {
      if (at < rest.length && socket.writable) socket.write(rest.charAt(at));
      at += 1;
    }, DRIP_MS);
    sockets.push(socket);
    drips.push(drip);
  };
  for (let count = 0; count < ofEach; count += 1) {
    open('', HEAD);
    open(HEAD, 'x'.repeat(900));
    open('', '');
    open('GET /health/live HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(200), '', true);
  }
  return {
    count: sockets.length,
    end() {
      for (const drip of drips) clearInterval(drip);
      for (const socket of sockets) socket.destroy();
      return heard;
    },
  };
}
