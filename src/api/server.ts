import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from 'node:http';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Express, Request, Response } from 'express';
import { DomainError, type ErrorCode } from '../domain/errors.ts';
import { PROBLEM_TYPE, problemOf } from './problem.ts';

/** What is refused before it is a request, by the codes of Node and its parser. All else is bytes that are no HTTP. */
const FAULTS: Record<string, { readonly code: ErrorCode; readonly detail: string }> = {
  HPE_HEADER_OVERFLOW: { code: 'headers_too_large', detail: 'request line and headers may be 16 kB together' },
  HPE_CHUNK_EXTENSIONS_OVERFLOW: { code: 'body_too_large', detail: "the body's chunks carry too large extensions" },
  ERR_HTTP_REQUEST_TIMEOUT: { code: 'request_timeout', detail: 'the request did not come whole in time' },
};
const UNREADABLE = { code: 'validation_failed', detail: 'the request could not be read as HTTP/1.1' } as const;

/** The server of an API, listening nowhere yet. What never becomes a request is answered by a problem too, where Node would send none. */
export function createApiServer(app: Express): Server {
  /** The newest answer of each connection. */
  const answerOn = new WeakMap<Duplex, ServerResponse>();
  const serve = (req: IncomingMessage, res: ServerResponse): void => {
    answerOn.set(req.socket, res);
    const refuse = () => answerWith(res, new DomainError(UNREADABLE.code, UNREADABLE.detail));
    if (req.headers.host === undefined && req.httpVersion !== '1.0') refuse();
    // The application handles every error itself; what it hands back has an address that no URL is made of.
    else app(req as Request, res as Response, refuse);
  };
  const server = createServer({ requireHostHeader: false }, serve);
  // Without a listener Node answers by itself, before the API has seen the request.
  server.on('checkExpectation', serve);
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    const { code, detail } = FAULTS[error.code ?? ''] ?? UNREADABLE;
    const answer = answerOn.get(socket);
    // The fault lies behind a request that came whole and still waits for its answer: this one would be taken for it.
    const isAwaited = answer && !answer.writableFinished && (answer.req.complete || answer.headersSent);
    if (isAwaited || !socket.writable) socket.destroy();
    else endWith(socket, new DomainError(code, detail));
  });
  return server;
}

interface BareAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** The connection ends with it: where the next request would begin is not known. */
function bareAnswer(error: DomainError): BareAnswer {
  const requestId = randomUUID();
  const problem = problemOf(error, requestId);
  const body = JSON.stringify(problem);
  return {
    status: problem.status,
    headers: {
      'Content-Type': PROBLEM_TYPE,
      'Content-Length': `${Buffer.byteLength(body)}`,
      'X-Request-Id': requestId,
      Connection: 'close',
    },
    body,
  };
}

function answerWith(res: ServerResponse, error: DomainError): void {
  const { status, headers, body } = bareAnswer(error);
  res.writeHead(status, headers).end(body);
}

function endWith(socket: Duplex, error: DomainError): void {
  const { status, headers, body } = bareAnswer(error);
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  socket.write([`HTTP/1.1 ${status} ${STATUS_CODES[status]}`, ...lines, '', body].join('\r\n'));
  if (socket instanceof Socket) socket.destroySoon();
  else socket.end();
}
