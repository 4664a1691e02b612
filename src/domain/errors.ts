import type { OrderStatus } from './order.ts';

/** What an error means for its caller. Only `unavailable` is worth another try as it stands. */
export type ErrorKind = 'invalid' | 'unauthenticated' | 'forbidden' | 'not_found' | 'conflict' | 'unavailable';

/** Every refusal the service can name. The HTTP status hangs on the code, in api/problem.ts. */
const KIND_BY_CODE = {
  malformed_json: 'invalid',
  unsupported_media_type: 'invalid',
  body_too_large: 'invalid',
  headers_too_large: 'invalid',
  expectation_failed: 'invalid',
  request_timeout: 'invalid',
  validation_failed: 'invalid',
  unsupported_asset: 'invalid',
  same_asset: 'invalid',
  same_account: 'invalid',
  account_missing: 'invalid',
  amount_too_large: 'invalid',
  amount_eaten_by_fees: 'invalid',
  target_implausible: 'invalid',
  below_floor: 'invalid',
  expiry_out_of_range: 'invalid',
  idempotency_key_reused: 'invalid',
  quote_refused: 'invalid',
  unauthenticated: 'unauthenticated',
  user_mismatch: 'forbidden',
  order_not_found: 'not_found',
  route_not_found: 'not_found',
  invalid_signature: 'unauthenticated',
  too_late: 'conflict',
  already_terminal: 'conflict',
  quote_unavailable: 'unavailable',
  storage_unavailable: 'unavailable',
  internal_error: 'unavailable',
} as const satisfies Record<string, ErrorKind>;

export type ErrorCode = keyof typeof KIND_BY_CODE;

export const ERROR_CODES = Object.keys(KIND_BY_CODE) as readonly ErrorCode[];

/** What is wrong where: a JSON pointer into the request's body, or the name of a parameter of its path or query. */
export type FieldFault =
  | { readonly pointer: string; readonly detail: string }
  | { readonly parameter: string; readonly detail: string };

export interface ErrorFacts {
  readonly fields?: readonly FieldFault[];
  readonly providerCode?: string;
  readonly orderStatus?: OrderStatus;
  readonly retryAfterMs?: number;
  readonly cause?: unknown;
}

export class DomainError extends Error {
  override readonly name = 'DomainError';
  readonly code: ErrorCode;
  readonly fields: readonly FieldFault[];
  /** The provider's own code where the refusal is the provider's. */
  readonly providerCode: string | null;
  /** The state of the order that a conflict is about. */
  readonly orderStatus: OrderStatus | null;
  /** For an unavailability: when it is worth asking again, where that is known. */
  readonly retryAfterMs: number | null;

  constructor(code: ErrorCode, detail: string, more: ErrorFacts = {}) {
    super(detail, more.cause === undefined ? undefined : { cause: more.cause });
    this.code = code;
    this.fields = more.fields ?? [];
    this.providerCode = more.providerCode ?? null;
    this.orderStatus = more.orderStatus ?? null;
    this.retryAfterMs = more.retryAfterMs ?? null;
  }

  get kind(): ErrorKind {
    return KIND_BY_CODE[this.code];
  }
}
