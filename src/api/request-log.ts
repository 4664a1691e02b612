import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Request, RequestHandler, Response } from 'express';
import { pinoHttp } from 'pino-http';
import { type Logger, withoutRow } from '../logger.ts';
import type { Metrics } from '../metrics.ts';

const REQUEST_ID = /^[A-Za-z0-9_.:-]{1,64}$/;
/** The only headers that are logged. Everything else may carry a secret. */
const LOGGED_HEADERS = ['user-agent', 'content-type', 'content-length'] as const;

/**
 * One log line and one measurement per request. The id comes from the caller where it looks like one, so that a client's own id can be
 * searched for, and goes back in `X-Request-Id`.
 */
export function requestLog(log: Logger, metrics: Metrics): RequestHandler[] {
  const line = pinoHttp<IncomingMessage, ServerResponse>({
    logger: log,
    quietReqLogger: true,
    customAttributeKeys: { reqId: 'request_id', responseTime: 'duration_ms' },
    genReqId(req, res) {
      const given = req.headers['x-request-id'];
      const id = typeof given === 'string' && REQUEST_ID.test(given) ? given : randomUUID();
      res.setHeader('X-Request-Id', id);
      return id;
    },
    customLogLevel: (_req, res, error) => levelOf(res.statusCode, error !== undefined),
    customSuccessMessage: (req, res) => `${req.method} answered ${res.statusCode}`,
    customErrorMessage: (req, res) => `${req.method} answered ${res.statusCode}`,
    customSuccessObject: (req, res, value: object) => ({ ...value, ...servedFields(req, res) }),
    customErrorObject: (req, res, _error, value: object) => ({ ...value, ...servedFields(req, res) }),
    // It puts its own in the place of the logger's, and gives ours what that has made of an error.
    serializers: { req: () => undefined, res: () => undefined, err: withoutRow },
  });
  return [line, measure(metrics)];
}

/** A 503 is a dependency's outage, already told by whoever met it. */
function levelOf(status: number, isBroken: boolean) {
  if (status === 503) return 'warn';
  return isBroken || status >= 500 ? 'error' : 'info';
}

function servedFields(req: IncomingMessage, res: ServerResponse) {
  const headers = LOGGED_HEADERS.flatMap((name) => (req.headers[name] ? [[name, req.headers[name]]] : []));
  const { locals, statusCode } = res as Response;
  return {
    event: 'request_served',
    method: req.method,
    route: routeOf(req as Request),
    status: statusCode,
    code: locals['code'],
    order_id: locals['orderId'],
    headers: Object.fromEntries(headers),
  };
}

function measure({ httpSeconds }: Metrics): RequestHandler {
  return (req, res, next) => {
    const stop = httpSeconds.startTimer();
    res.once('close', () => {
      // A client that hung up got no status: 499 is the word of many proxies for it.
      const status = res.writableFinished ? res.statusCode : 499;
      stop({ route: routeOf(req), method: methodOf(req), status });
    });
    next();
  };
}

const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

/** Labels come from closed sets: a stranger must not make series. */
function methodOf({ method }: Request): string {
  return METHODS.has(method) ? method : 'other';
}

/** The route's template, never the path: that one holds ids. */
function routeOf(req: Request): string {
  const path: unknown = (req.route as { path?: unknown } | undefined)?.path;
  return typeof path === 'string' ? path : 'none';
}
