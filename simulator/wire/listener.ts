import type { Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

export type Listener = {
  /** Resolves with the port; rejects when it is taken. */
  listen(host: string, port: number): Promise<number>;
  /** Stops taking calls and gives those under way a moment; then, or with no grace, cuts them. */
  close(graceMs: number): Promise<void>;
};

export function createListener(server: Server): Listener {
  // A pool opens connections ahead of its requests. Node counts them as busy, and would wait for them through the whole grace.
  const unused = new Set<Socket>();
  server.on('connection', (socket) => {
    unused.add(socket);
    socket.once('close', () => unused.delete(socket));
  });
  server.on('request', ({ socket }) => unused.delete(socket));

  return {
    listen: (host, port) =>
      new Promise((done, reject) => {
        server.once('error', reject);
        server.listen(port, host, () => {
          server.off('error', reject);
          done((server.address() as AddressInfo).port);
        });
      }),
    async close(graceMs) {
      const closed = new Promise<void>((done) => void server.close(() => done()));
      server.closeIdleConnections();
      for (const socket of unused) socket.destroy();
      const timer = setTimeout(() => server.closeAllConnections(), graceMs);
      await closed;
      clearTimeout(timer);
    },
  };
}
