import type { IncomingMessage, Server, ServerResponse } from 'node:http';

/**
 * Prepares a server for its end. The function it returns refuses new connections, lets what is under way have its answer, on
 * which the connection then ends, and after `deadlineMs` cuts off whoever has not even sent their request whole. Node alone
 * would leave each of these connections open for another request, and the end would wait for its keep-alive time.
 */
export function prepareEnd(server: Server): (deadlineMs: number) => Promise<void> {
  const answering = new Set<ServerResponse>();
  let isEnding = false;
  const endsWithAnswer = (res: ServerResponse) => {
    if (!res.headersSent) res.setHeader('Connection', 'close');
  };
  const track = (_req: IncomingMessage, res: ServerResponse) => {
    answering.add(res);
    res.once('close', () => answering.delete(res));
    if (isEnding) endsWithAnswer(res);
  };
  // Before the server's own listener: that one may answer at once.
  server.prependListener('request', track);
  server.prependListener('checkExpectation', track);

  return async (deadlineMs) => {
    isEnding = true;
    for (const res of answering) endsWithAnswer(res);
    const closed = new Promise<void>((resolve) => {
      server.close(() => resolve());
    });
    const timer = setTimeout(() => server.closeAllConnections(), deadlineMs);
    await closed;
    clearTimeout(timer);
  };
}
