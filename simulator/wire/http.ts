import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';
import type { Clock } from '../core/clock.ts';
import type { KnobBoard } from '../core/knobs.ts';
import type { Log } from '../core/log.ts';
import type { Desk } from '../desk/desk.ts';
import type { Outgoing } from '../faults/table.ts';
import type { Calls } from './calls.ts';
import { type Incoming, type Matched, matchPath } from './incoming.ts';
import { Problem } from './problem.ts';
import type { Route } from './routes.ts';

const LONGEST_BODY = 1_048_576;
/** Below this, gzip makes a reply longer. */
const SHORTEST_GZIP = 1_024;

type HttpDeps = {
  calls: Calls;
  routes: Route[];
  desk: Desk;
  clock: Clock;
  knobs: KnobBoard;
  isReady: () => boolean;
  log: Log;
};

function json(status: number, body: unknown): Outgoing {
  return { status, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body), manner: 'whole' };
}

/** The whole body as text, or undefined once it is longer than anything Conduit would take. */
async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length <= LONGEST_BODY) chunks.push(chunk);
  }
  return length > LONGEST_BODY ? undefined : Buffer.concat(chunks).toString('utf8');
}

function find(routes: Route[], method: string, path: string): Matched | Problem {
  let isKnownPath = false;
  for (const route of routes) {
    const params = matchPath(route.path, path);
    if (params && route.method === method) return { route, params };
    isKnownPath ||= params !== undefined;
  }
  const code = isKnownPath ? 'METHOD_NOT_ALLOWED' : 'NOT_FOUND';
  return new Problem(code, `${method} ${path} is not an operation of /v2`);
}

function isLoopback(address: string | undefined): boolean {
  return address === '::1' || /^(::ffff:)?127\./.test(address ?? '');
}

/** Writes a reply, or as much of it as its manner lets through. */
function write(request: IncomingMessage, response: ServerResponse, out: Outgoing): void {
  if (out.manner === 'hang') return;
  if (out.manner === 'cut') {
    request.socket.destroy();
    return;
  }
  const whole = Buffer.from(out.body);
  const half = whole.subarray(0, Math.floor(whole.length / 2));
  if (out.manner === 'half_then_reset') {
    // The head promises all of it, so that the caller can tell that something is missing.
    response.writeHead(out.status, { ...out.headers, 'content-length': whole.length });
    response.write(half, () => request.socket.destroy());
    return;
  }
  const sent = out.manner === 'half_then_end' ? half : whole;
  const accepts = String(request.headers['accept-encoding'] ?? '');
  const isZipped = out.manner === 'whole' && sent.length >= SHORTEST_GZIP && /\bgzip\b/.test(accepts);
  const body = isZipped ? gzipSync(sent) : sent;
  const length = out.status === 204 ? {} : { 'content-length': body.length };
  response.writeHead(out.status, { ...out.headers, ...length, ...(isZipped ? { 'content-encoding': 'gzip' } : {}) });
  response.end(body);
}

/** The simulator's one server: /v2 is Conduit, /_sim (from this machine alone) is the control desk, /health is for supervisors. */
export function createHttpServer(deps: HttpDeps): Server {
  const { calls, routes, desk, clock, knobs, isReady, log } = deps;

  async function answer(request: IncomingMessage, correlationId: string): Promise<Outgoing> {
    const url = new URL(request.url ?? '/', 'http://simulator');
    const method = request.method ?? 'GET';
    if (url.pathname === '/health/live') return json(200, { status: 'ok' });
    if (url.pathname === '/health/ready')
      return json(isReady() ? 200 : 503, { status: isReady() ? 'ok' : 'not_ready' });
    const body = await readBody(request);
    if (url.pathname.startsWith('/_sim/')) {
      if (!isLoopback(request.socket.remoteAddress))
        return json(403, { error: 'the control desk answers this machine alone' });
      const { status, body: reply } = await desk.answer(method, url.pathname, url.searchParams, body ?? '');
      return json(status, reply);
    }
    const header = (name: string): string | undefined => [request.headers[name]].flat()[0];
    const incoming: Incoming = {
      method,
      path: url.pathname,
      query: url.searchParams,
      header,
      body: body ?? '',
      correlationId,
    };
    if (body === undefined) return calls.unknown(incoming, new Problem('PAYLOAD_TOO_LARGE', 'the body is too long'));
    const isV2 = url.pathname.startsWith('/v2/');
    const found = isV2 ? find(routes, method, url.pathname.slice(3)) : new Problem('NOT_FOUND', 'the API is under /v2');
    return found instanceof Problem ? calls.unknown(incoming, found) : calls.answer(incoming, found);
  }

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const correlationId = randomUUID();
    const clientId = request.headers['x-client-correlation-id'];
    try {
      const out = await answer(request, correlationId);
      response.sendDate = false; // Node would print the machine's time, not the simulator's.
      response.setHeader('date', new Date(clock.nowMs() + knobs.get().dateSkewMs).toUTCString());
      response.setHeader('x-correlation-id', correlationId);
      if (typeof clientId === 'string') response.setHeader('x-client-correlation-id', clientId.slice(0, 255));
      write(request, response, out);
    } catch (error) {
      // A caller that left in mid-request is no news. Otherwise the ledger cannot be written, and nobody may be answered any
      // more, or this is a bug.
      const isCallersDoing = (error as NodeJS.ErrnoException).code === 'ECONNRESET';
      log[isCallersDoing ? 'debug' : 'error']({ event: 'call_dropped', err: error, correlation_id: correlationId });
      request.socket.destroy();
    }
  }

  const server = createServer((request, response) => void serve(request, response));
  server.keepAliveTimeout = 60_000; // Longer than the callers' pools keep a socket, so that they close it first.
  return server;
}
