import { present } from '../core/present.ts';

/** HTTP status and title of every code that Conduit v2 is known to answer with. */
const CATALOGUE = {
  VALIDATION_ERROR: [400, 'The request is not valid'],
  MALFORMED_JSON: [400, 'The body is not JSON'],
  INVALID_OID_FORMAT: [400, 'An id is malformed'],
  INVALID_CURSOR: [400, 'The cursor is not valid'],
  IDEMPOTENCY_KEY_REQUIRED: [400, 'An Idempotency-Key is required'],
  IDEMPOTENCY_KEY_INVALID: [400, 'The Idempotency-Key is malformed'],
  IDEMPOTENCY_BODY_TOO_NESTED: [400, 'The body is nested too deeply'],
  UNSUPPORTED_ASSET: [400, 'The asset is not supported'],
  API_KEY_MISSING: [401, 'No API key was sent'],
  API_KEY_INVALID: [401, 'The API key is not valid here'],
  API_KEY_READ_ONLY: [403, 'The API key may only read'],
  FEATURE_NOT_ENABLED: [403, 'The feature is not enabled'],
  CLIENT_MARKUP_NOT_ENABLED: [403, 'Markup is not enabled'],
  NOT_FOUND: [404, 'There is nothing here'],
  QUOTE_NOT_FOUND: [404, 'The quote does not exist'],
  ORDER_NOT_FOUND: [404, 'The order does not exist'],
  TRANSACTION_NOT_FOUND: [404, 'The transaction does not exist'],
  METHOD_NOT_ALLOWED: [405, 'The method is not allowed here'],
  CONFLICT: [409, 'The request conflicts with what exists'],
  IDEMPOTENCY_KEY_CONFLICT: [409, 'The Idempotency-Key was used with another request'],
  IDEMPOTENCY_KEY_REQUEST_IN_PROGRESS: [409, 'The first request with this Idempotency-Key is not answered yet'],
  DEPOSIT_ADDRESS_UNAVAILABLE: [409, 'No deposit address is available'],
  QUOTE_EXPIRED: [409, 'The quote has expired'],
  QUOTE_ALREADY_USED: [409, 'The quote option was already redeemed'],
  DUPLICATE_CLIENT_REFERENCE_ID: [409, 'The clientReferenceId was already used'],
  ORDER_EXPIRED: [409, 'The order has passed its lock'],
  ORDER_NOT_EXECUTABLE: [409, 'The order cannot be executed'],
  ORDER_NOT_CANCELLABLE: [409, 'The order cannot be cancelled'],
  ORDER_CANCEL_IN_PROGRESS: [409, 'The order is being cancelled'],
  PAYLOAD_TOO_LARGE: [413, 'The body is too large'],
  UNSUPPORTED_MEDIA_TYPE: [415, 'The body must be JSON'],
  UNSUPPORTED_PAIR: [422, 'The pair is not offered'],
  AMOUNT_OUT_OF_RANGE: [422, 'The amount is out of range'],
  CLIENT_MARKUP_SPREAD_EXCEEDED: [422, 'The markup is too high'],
  INVALID_ORDER_COMBO: [422, 'Source and destination do not make an order'],
  QUOTE_ASSET_MISMATCH: [422, 'The accounts do not hold the quoted assets'],
  QUOTE_RECIPIENT_TYPE_UNPRICED: [422, 'The recipient type was not priced'],
  TRANSACTION_BLOCKED: [422, 'The transaction is blocked'],
  MISSING_REQUIRED_FIELDS: [422, 'Required fields are missing'],
  RECIPIENT_VALIDATION_FAILED: [422, 'The recipient is not valid'],
  DESTINATION_NOT_ACTIVATED: [422, 'The destination is not active'],
  DESTINATION_ASSET_NOT_ACCEPTED: [422, 'The destination does not accept the asset'],
  NON_CUSTODIAL_SOURCE_NOT_SUPPORTED: [422, 'The source cannot fund an order'],
  INSUFFICIENT_FUNDS: [422, 'The source does not hold enough'],
  RATE_LIMITED: [429, 'Too many requests'],
  INTERNAL_ERROR: [500, 'Something went wrong'],
  SERVICE_UNAVAILABLE: [503, 'The service is unavailable'],
  RATE_UNAVAILABLE: [503, 'No rate is available'],
  RATE_UNAVAILABLE_AFTER_HOURS: [503, 'No rate is available outside market hours'],
  POLICY_EVALUATION_UNAVAILABLE: [503, 'The policy cannot be evaluated'],
} as const satisfies Record<string, readonly [number, string]>;

export type ProblemCode = keyof typeof CATALOGUE;
export type FieldError = { pointer: string; detail: string; allowedValues?: string[] };
export type Extras = {
  errors?: FieldError[];
  retryAfterSeconds?: number;
  details?: Record<string, unknown>;
  headers?: Record<string, string>;
};

export function isProblemCode(text: string): text is ProblemCode {
  return Object.hasOwn(CATALOGUE, text);
}

export function statusOf(code: ProblemCode): number {
  return CATALOGUE[code][0];
}

/** A refusal on its way to the wire. */
export class Problem extends Error {
  override readonly name = 'Problem';
  readonly code: ProblemCode;
  readonly extras: Extras;
  constructor(code: ProblemCode, detail: string, extras: Extras = {}) {
    super(detail);
    this.code = code;
    this.extras = extras;
  }
}

export function invalid(pointer: string, detail: string, allowedValues?: string[]): Problem {
  return new Problem('VALIDATION_ERROR', detail, {
    errors: [{ pointer, detail, ...present('allowedValues', allowedValues) }],
  });
}

/**
 * The body of a refusal: `type` is the code and the only field to match on. A status other than the code's own is for
 * faults; a code that is not in the catalogue is printed as it is.
 */
export function problemBody(problem: {
  code: string;
  status: number;
  detail: string;
  instance: string;
  timestamp: string;
  correlationId: string;
  extras: Extras;
}): Record<string, unknown> {
  const { code, status, detail, instance, timestamp, correlationId, extras } = problem;
  return {
    type: code,
    title: isProblemCode(code) ? CATALOGUE[code][1] : code,
    status,
    detail,
    resolution: status >= 500 || status === 429 ? 'Try again later.' : 'Correct the request and send it again.',
    docs: `https://conduit-v2.mintlify.app/errors#${code.toLowerCase().replaceAll('_', '-')}`,
    instance,
    timestamp,
    correlationId,
    ...present('details', extras.details),
    ...present('errors', extras.errors),
    ...present('retryAfterSeconds', extras.retryAfterSeconds),
  };
}
