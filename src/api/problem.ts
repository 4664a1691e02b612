import type { ErrorRequestHandler, RequestHandler, Response } from 'express';
import { isDatabaseUnavailable } from '../db/client.ts';
import { DomainError, type ErrorCode, type FieldFault } from '../domain/errors.ts';

/** The HTTP status of every code. What was wrong before anything was looked up is 400; what the facts refuse is 422. */
const STATUS_BY_CODE: Record<ErrorCode, number> = {
  malformed_json: 400,
  unsupported_media_type: 415,
  body_too_large: 413,
  headers_too_large: 431,
  expectation_failed: 417,
  request_timeout: 408,
  validation_failed: 400,
  unsupported_asset: 400,
  same_asset: 400,
  same_account: 422,
  account_missing: 422,
  amount_too_large: 422,
  amount_eaten_by_fees: 422,
  target_implausible: 422,
  below_floor: 422,
  expiry_out_of_range: 422,
  idempotency_key_reused: 422,
  quote_refused: 422,
  unauthenticated: 401,
  user_mismatch: 403,
  order_not_found: 404,
  route_not_found: 404,
  invalid_signature: 401,
  too_late: 409,
  already_terminal: 409,
  quote_unavailable: 503,
  storage_unavailable: 503,
  internal_error: 500,
};

const TITLE_BY_CODE: Record<ErrorCode, string> = {
  malformed_json: 'The body is not JSON',
  unsupported_media_type: 'The body must be application/json in UTF-8, not compressed',
  body_too_large: 'The body is too large',
  headers_too_large: 'The request line and its headers are too large',
  expectation_failed: 'What the Expect header asks for cannot be done',
  request_timeout: 'The request did not come in time',
  validation_failed: 'The request is not valid',
  unsupported_asset: 'The asset is not supported',
  same_asset: 'Both sides are the same asset',
  same_account: 'Both sides are the same account',
  account_missing: 'The user has no active account for the asset',
  amount_too_large: 'The amount is above the maximum',
  amount_eaten_by_fees: 'Fees would take too much of the amount',
  target_implausible: 'The target rate is implausible',
  below_floor: 'The rate is already under the floor of the order',
  expiry_out_of_range: 'The expiry is too near or too far',
  idempotency_key_reused: 'The idempotency key was used with another body',
  quote_refused: 'Conduit refuses to quote this',
  unauthenticated: 'A valid API key is needed',
  user_mismatch: 'The key does not act for this user',
  order_not_found: 'There is no such order',
  route_not_found: 'There is nothing here',
  invalid_signature: 'The signature is not valid',
  too_late: 'The order is being executed and can no longer be cancelled',
  already_terminal: 'The order has already ended',
  quote_unavailable: 'No quote can be had just now',
  storage_unavailable: 'The service cannot answer just now',
  internal_error: 'Something went wrong on our side',
};

/** Every 503 says when to come back. Without better knowledge: soon, since most outages of ours are restarts. */
const DEFAULT_RETRY_AFTER_MS = 2_000;

/** Problem details by RFC 9457. `code` is stable and closed; `type` is the same word as a URI. */
interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: ErrorCode;
  readonly errors?: readonly FieldFault[];
  readonly provider_code?: string;
  readonly order_status?: string;
  readonly request_id: string;
}

/** Only `100-continue` can be done, and Node has done it before this is asked. */
export const refuseExpectations: RequestHandler = (req, _res, next) => {
  const expected = req.get('expect');
  if (expected === undefined || /^100-continue$/i.test(expected)) next();
  else next(new DomainError('expectation_failed', 'only "Expect: 100-continue" is understood'));
};

export const noSuchRoute: RequestHandler = (_req, _res, next) => {
  next(new DomainError('route_not_found', 'no such method and path'));
};

/**
 * A dependency that hangs must not hang the client: what is not answered in time is answered 503, and goes on or fails unheard. Of a
 * request that has not come whole by then, the client is late: 408, and an end of the connection, since its rest may still come.
 */
export function answerWithin(ms: number): RequestHandler {
  return (req, res, next) => {
    const timer = setTimeout(() => {
      // What was answered before its body came may still wait behind answers that its client does not read: nothing can be set any more.
      if (!req.complete && !res.headersSent) res.set('Connection', 'close');
      const error = req.complete
        ? new DomainError('storage_unavailable', 'there was no answer in time; ask again')
        : new DomainError('request_timeout', 'the request did not come whole in time');
      answerProblem(error, req, res, next);
    }, ms);
    res.once('close', () => clearTimeout(timer));
    next();
  };
}

/** The last handler: makes every error a problem. What is nobody's fault but ours is logged whole and answered without details. */
export const answerProblem: ErrorRequestHandler = (thrown: unknown, req, res, _next) => {
  // Answered by its deadline, and only now done.
  if (res.writableEnded) return;
  const error = asDomainError(thrown);
  if (error.code === 'internal_error') {
    req.log.error(
      { event: 'request_failed', err: thrown, code: error.code },
      'a request failed for a reason nobody foresaw',
    );
  } else if (error.kind === 'unavailable') {
    req.log.warn({ event: 'dependency_unavailable', err: error.cause ?? error, code: error.code }, error.message);
  }
  if (res.headersSent) {
    res.destroy();
    return;
  }
  sendProblem(res, typeof req.id === 'string' ? req.id : '', error);
};

/** What is sent as {@link PROBLEM_TYPE}. */
export function problemOf(error: DomainError, requestId: string): Problem {
  const { code, providerCode, orderStatus, fields } = error;
  return {
    type: `urn:conduitpay:problem:${code}`,
    title: TITLE_BY_CODE[code],
    status: STATUS_BY_CODE[code],
    detail: error.message,
    code,
    ...(fields.length > 0 ? { errors: fields } : {}),
    ...(providerCode === null ? {} : { provider_code: providerCode }),
    ...(orderStatus === null ? {} : { order_status: orderStatus }),
    request_id: requestId,
  };
}

export const PROBLEM_TYPE = 'application/problem+json; charset=utf-8';

function sendProblem(res: Response, requestId: string, error: DomainError): void {
  const { code } = error;
  const problem = problemOf(error, requestId);
  const { status } = problem;
  if (status === 503) res.set('Retry-After', String(Math.ceil((error.retryAfterMs ?? DEFAULT_RETRY_AFTER_MS) / 1_000)));
  if (code === 'unauthenticated') res.set('WWW-Authenticate', 'Bearer');
  res.locals['code'] = code;
  res.status(status).type(PROBLEM_TYPE).send(JSON.stringify(problem));
}

/** What body-parser and the router throw, by the words they use themselves. */
const CODE_BY_TYPE: Record<string, ErrorCode> = {
  'entity.parse.failed': 'malformed_json',
  'entity.too.large': 'body_too_large',
  'encoding.unsupported': 'unsupported_media_type',
  'charset.unsupported': 'unsupported_media_type',
};

function asDomainError(thrown: unknown): DomainError {
  if (thrown instanceof DomainError) return thrown;
  if (isDatabaseUnavailable(thrown)) {
    return new DomainError('storage_unavailable', 'the database does not answer; nothing is known to have changed', {
      cause: thrown,
    });
  }
  const { type, status } = typeof thrown === 'object' && thrown !== null ? (thrown as HttpError) : {};
  const code = typeof type === 'string' ? CODE_BY_TYPE[type] : undefined;
  if (code) return new DomainError(code, TITLE_BY_CODE[code]);
  // A path that does not decode, a body that ends too early: the framework found the client's fault.
  const isClientFault = typeof status === 'number' && status >= 400 && status < 500;
  if (isClientFault) return new DomainError('validation_failed', 'the request could not be read');
  return new DomainError('internal_error', 'the fault is on our side; the request id helps us to find it', {
    cause: thrown,
  });
}

interface HttpError {
  readonly type?: unknown;
  readonly status?: unknown;
}
