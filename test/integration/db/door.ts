import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/** What a door does with what comes to it. */
export interface DoorRules {
  /** Whether a connection gets a server behind it. One without is left to the rule, which may answer or end it. */
  readonly lets?: (near: Socket) => boolean;
  /** What goes on to the server of what connection `number` (from 1) has sent; `swallow` for nothing, as by a peer that has vanished. */
  readonly passes?: (bytes: Buffer, number: number) => Buffer | 'reset' | 'swallow';
}

/** Stands before the server of `databaseUrl` and passes on what its rules let through. */
export async function startDoor(databaseUrl: string, { lets = () => true, passes = (bytes) => bytes }: DoorRules) {
  const url = new URL(databaseUrl);
  const { hostname, port } = url;
  const sockets = new Set<Socket>();
  let count = 0;
  const server = createServer((near) => {
    count += 1;
    const number = count;
    sockets.add(near.on('error', () => {}).on('close', () => sockets.delete(near)));
    if (!lets(near)) return;
    const far = connect(Number(port), hostname);
    sockets.add(far.on('error', () => {}).on('close', () => sockets.delete(far)));
    far.on('close', () => near.destroy());
    near.on('close', () => far.destroy());
    near.on('data', (bytes: Buffer) => {
      const what = passes(bytes, number);
      if (what === 'reset') near.resetAndDestroy();
      else if (what !== 'swallow') far.write(what);
    });
    far.pipe(near);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  url.hostname = '127.0.0.1';
  url.port = String(typeof address === 'object' && address !== null ? address.port : 0);
  const drop = () => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    url: url.href,
    /** Ends every connection; the next is let in as before. */
    drop,
    close() {
      drop();
      server.close();
    },
  };
}
