import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** A way to a server that can be cut and healed: while it is cut, connections are refused, as when the server is down. */
export async function startTcpProxy(target: string) {
  const [host = '', port = ''] = target.split(':');
  const sockets = new Set<Socket>();
  let server: Server;

  async function listen(on: number): Promise<number> {
    server = createServer((near) => {
      const far = connect({ host, port: Number(port) });
      for (const [socket, other] of [
        [near, far],
        [far, near],
      ] as const) {
        sockets.add(socket);
        socket.on('error', () => {});
        socket.on('close', () => {
          sockets.delete(socket);
          other.destroy();
        });
        socket.pipe(other);
      }
    });
    server.listen(on, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }
  async function cut(): Promise<void> {
    if (!server.listening) return;
    const closed = once(server, 'close');
    server.close();
    for (const socket of sockets) socket.destroy();
    await closed;
  }

  const ownPort = await listen(0);
  return {
    address: `127.0.0.1:${ownPort}`,
    cut,
    heal: () => listen(ownPort),
    close: cut,
  };
}

export type TcpProxy = Awaited<ReturnType<typeof startTcpProxy>>;
