/** A code from Conduit's catalogue, as read in a problem's `type`, or our own word for a failure below HTTP. */
export type ProviderCode = string;

export type SendOperation = 'create' | 'execute' | 'cancel';

/**
 * What one physical send's own reply proves. A send whose reply never came has no outcome at all.
 * `unsent`: its permit was too old when the bytes should have left, so nothing left. `accepted`: a 2xx we could read.
 * `no_effect`: a reply of the closed list below. `exists`: a refusal that proves an order is there. `unknown`: everything else.
 */
export const SEND_OUTCOMES = ['unsent', 'accepted', 'no_effect', 'exists', 'unknown'] as const;
export type SendOutcome = (typeof SEND_OUTCOMES)[number];

/** Our word for a connection that failed before the first byte of the request: the one transport failure with a proof. */
export const NOT_CONNECTED = 'NOT_CONNECTED';
const RATE_LIMITED = 'RATE_LIMITED';

/**
 * How we go on after a reply that proves no effect. `again`: the same send once it is due. `quote_again`: a new quote.
 * `funds`: the customer may still pay in. `ours_all` / `ours_account`: our fault, not the order's: pause that scope.
 * `final`: the order cannot be carried out.
 */
export type NoEffectClass = 'again' | 'quote_again' | 'funds' | 'ours_all' | 'ours_account' | 'final';

const CREATE_NO_EFFECT: Record<string, NoEffectClass> = {
  [NOT_CONNECTED]: 'again',
  [RATE_LIMITED]: 'again',
  QUOTE_EXPIRED: 'quote_again',
  QUOTE_NOT_FOUND: 'quote_again',
  FEATURE_NOT_ENABLED: 'ours_all',
  CLIENT_MARKUP_NOT_ENABLED: 'ours_all',
  QUOTE_ASSET_MISMATCH: 'ours_account',
  INVALID_OID_FORMAT: 'ours_account',
  DESTINATION_NOT_ACTIVATED: 'ours_account',
  DESTINATION_ASSET_NOT_ACCEPTED: 'ours_account',
  NON_CUSTODIAL_SOURCE_NOT_SUPPORTED: 'ours_account',
  VALIDATION_ERROR: 'final',
  MALFORMED_JSON: 'final',
  IDEMPOTENCY_KEY_REQUIRED: 'final',
  IDEMPOTENCY_KEY_INVALID: 'final',
  IDEMPOTENCY_BODY_TOO_NESTED: 'final',
  UNSUPPORTED_ASSET: 'final',
  UNSUPPORTED_MEDIA_TYPE: 'final',
  UNSUPPORTED_PAIR: 'final',
  INVALID_ORDER_COMBO: 'final',
  QUOTE_RECIPIENT_TYPE_UNPRICED: 'final',
  AMOUNT_OUT_OF_RANGE: 'final',
  TRANSACTION_BLOCKED: 'final',
  MISSING_REQUIRED_FIELDS: 'final',
  RECIPIENT_VALIDATION_FAILED: 'final',
};

const EXECUTE_NO_EFFECT: Record<string, NoEffectClass> = {
  [NOT_CONNECTED]: 'again',
  [RATE_LIMITED]: 'again',
  INSUFFICIENT_FUNDS: 'funds',
};

/** A cancel moves no money and is repeated until the order reads terminal: only what tells when to repeat it matters. */
const CANCEL_NO_EFFECT: Record<string, NoEffectClass> = { [NOT_CONNECTED]: 'again', [RATE_LIMITED]: 'again' };

const NO_EFFECT: Record<SendOperation, Record<string, NoEffectClass>> = {
  create: CREATE_NO_EFFECT,
  execute: EXECUTE_NO_EFFECT,
  cancel: CANCEL_NO_EFFECT,
};

/** Statuses on which each class of refusal may be believed: a gateway's 503 that carries a known word proves nothing. */
const REFUSAL_STATUSES = new Set([400, 401, 403, 404, 409, 415, 422, 429]);

/** Refusals that prove an order under our key or reference is there: never to be read as absent. */
const PROOF_OF_EXISTENCE = new Set([
  'QUOTE_ALREADY_USED',
  'CONFLICT',
  'DUPLICATE_CLIENT_REFERENCE_ID',
  'IDEMPOTENCY_KEY_CONFLICT',
]);

/** How to go on after the no-effect reply `code` of `operation`; null when that code proves nothing for it. */
export function noEffectClass(operation: SendOperation, code: ProviderCode): NoEffectClass | null {
  // Conduit checks the key before it looks at anything else, so every code of that family is a refusal.
  if (operation !== 'cancel' && code.startsWith('API_KEY_')) return 'ours_all';
  if (operation === 'create' && code.startsWith('PAYOUT_')) return 'final';
  const table = NO_EFFECT[operation];
  return Object.hasOwn(table, code) ? (table[code] ?? null) : null;
}

/** The outcome of a parsed problem answered to `operation`. Everything not listed is unknown. */
export function outcomeOfProblem(operation: SendOperation, status: number, code: ProviderCode): SendOutcome {
  if (!REFUSAL_STATUSES.has(status)) return 'unknown';
  if (noEffectClass(operation, code)) return 'no_effect';
  // Whoever is not let in at all has created nothing, whatever the word for it.
  if (operation === 'create' && status === 401) return 'no_effect';
  if (operation === 'create' && PROOF_OF_EXISTENCE.has(code)) return 'exists';
  return 'unknown';
}

/** What a refused quote means: the pair or amount cannot be traded, our key is at fault, or only this look failed. */
export type QuoteRefusalClass = 'final' | 'ours_all' | 'failed_look';

export function quoteRefusalClass(status: number, code: ProviderCode): QuoteRefusalClass {
  if (status === 401 || status === 403) return 'ours_all';
  if ((status === 400 || status === 422) && /^(UNSUPPORTED_ASSET|UNSUPPORTED_PAIR|AMOUNT_OUT_OF_RANGE)$/.test(code))
    return 'final';
  return 'failed_look';
}

/** "Feature off" is a contract matter: a probe that succeeds proves nothing about it, so a person lifts that pause. */
export function healsByProbe(code: ProviderCode): boolean {
  return !['FEATURE_NOT_ENABLED', 'CLIENT_MARKUP_NOT_ENABLED'].includes(code);
}

/** Failure codes of a failed Conduit order after which no money has moved, when its linked transactions agree. */
export function failedWithoutEffect(code: ProviderCode | null): boolean {
  return code !== null && /^(insufficient_funds|provider_unavailable|cancelled)$/i.test(code);
}
