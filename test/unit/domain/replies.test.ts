import { describe, expect, test } from '@jest/globals';
import {
  failedWithoutEffect,
  healsByProbe,
  type NoEffectClass,
  noEffectClass,
  outcomeOfProblem,
  quoteRefusalClass,
  type SendOperation,
} from '../../../src/domain/replies.ts';

/** Every refusal that proves something, with the status Conduit answers it with. Written from its error catalogue. */
const CREATE: Record<NoEffectClass, readonly [status: number, code: string][]> = {
  again: [[429, 'RATE_LIMITED']],
  quote_again: [
    [409, 'QUOTE_EXPIRED'],
    [404, 'QUOTE_NOT_FOUND'],
  ],
  funds: [],
  ours_all: [
    [401, 'API_KEY_MISSING'],
    [401, 'API_KEY_INVALID'],
    [403, 'API_KEY_READ_ONLY'],
    [403, 'FEATURE_NOT_ENABLED'],
    [403, 'CLIENT_MARKUP_NOT_ENABLED'],
  ],
  ours_account: [
    [422, 'QUOTE_ASSET_MISMATCH'],
    [400, 'INVALID_OID_FORMAT'],
    [422, 'DESTINATION_NOT_ACTIVATED'],
    [422, 'DESTINATION_ASSET_NOT_ACCEPTED'],
    [422, 'NON_CUSTODIAL_SOURCE_NOT_SUPPORTED'],
  ],
  final: [
    [400, 'VALIDATION_ERROR'],
    [400, 'MALFORMED_JSON'],
    [400, 'IDEMPOTENCY_KEY_REQUIRED'],
    [400, 'IDEMPOTENCY_KEY_INVALID'],
    [400, 'IDEMPOTENCY_BODY_TOO_NESTED'],
    [400, 'UNSUPPORTED_ASSET'],
    [415, 'UNSUPPORTED_MEDIA_TYPE'],
    [422, 'UNSUPPORTED_PAIR'],
    [422, 'INVALID_ORDER_COMBO'],
    [422, 'QUOTE_RECIPIENT_TYPE_UNPRICED'],
    [422, 'AMOUNT_OUT_OF_RANGE'],
    [422, 'TRANSACTION_BLOCKED'],
    [422, 'MISSING_REQUIRED_FIELDS'],
    [422, 'RECIPIENT_VALIDATION_FAILED'],
    [422, 'PAYOUT_PURPOSE_REQUIRED'],
  ],
};

/** What may come back although the request did its work, or was never seen. */
const UNKNOWN: readonly [status: number, code: string][] = [
  [409, 'IDEMPOTENCY_KEY_REQUEST_IN_PROGRESS'],
  [409, 'ORDER_NOT_EXECUTABLE'],
  [409, 'ORDER_EXPIRED'],
  [409, 'ORDER_CANCEL_IN_PROGRESS'],
  [409, 'DEPOSIT_ADDRESS_UNAVAILABLE'],
  [404, 'ORDER_NOT_FOUND'],
  [500, 'INTERNAL_ERROR'],
  [503, 'SERVICE_UNAVAILABLE'],
  [503, 'RATE_UNAVAILABLE'],
  [503, 'RATE_UNAVAILABLE_AFTER_HOURS'],
  [503, 'POLICY_EVALUATION_UNAVAILABLE'],
  [422, 'SOMETHING_NEW'],
  [400, ''],
  [409, 'toString'],
  [409, '__proto__'],
];

const EXISTS = ['QUOTE_ALREADY_USED', 'CONFLICT', 'DUPLICATE_CLIENT_REFERENCE_ID', 'IDEMPOTENCY_KEY_CONFLICT'];
const OPERATIONS: readonly SendOperation[] = ['create', 'execute', 'cancel'];
const ALL_CODES = [...Object.values(CREATE).flat(), ...UNKNOWN, ...EXISTS.map((code) => [409, code] as const)];

describe('a refused create', () => {
  test.each(Object.entries(CREATE).flatMap(([kind, codes]) => codes.map(([status, code]) => ({ kind, status, code }))))(
    '$status $code proves no effect: $kind',
    ({ kind, status, code }) => {
      expect(outcomeOfProblem('create', status, code)).toBe('no_effect');
      expect(noEffectClass('create', code)).toBe(kind);
    },
  );

  test('any 401 has created nothing', () => {
    expect(outcomeOfProblem('create', 401, 'A_WORD_OF_TOMORROW')).toBe('no_effect');
  });

  test.each(EXISTS)('%s proves that the order is there', (code) => {
    expect(outcomeOfProblem('create', 409, code)).toBe('exists');
  });

  test.each(UNKNOWN)('%d %s proves nothing', (status, code) => {
    expect(outcomeOfProblem('create', status, code)).toBe('unknown');
  });

  test('funds are no matter of a create', () => {
    expect(outcomeOfProblem('create', 422, 'INSUFFICIENT_FUNDS')).toBe('unknown');
  });
});

describe('a refused execute', () => {
  test.each([
    [422, 'INSUFFICIENT_FUNDS', 'funds'],
    [429, 'RATE_LIMITED', 'again'],
    [401, 'API_KEY_INVALID', 'ours_all'],
    [401, 'API_KEY_MISSING', 'ours_all'],
    [403, 'API_KEY_READ_ONLY', 'ours_all'],
  ] as const)('%d %s proves no effect: %s', (status, code, kind) => {
    expect(outcomeOfProblem('execute', status, code)).toBe('no_effect');
    expect(noEffectClass('execute', code)).toBe(kind);
  });

  test('nothing else does: the list is closed', () => {
    const proves = ALL_CODES.filter(([status, code]) => outcomeOfProblem('execute', status, code) !== 'unknown');
    expect(proves.map(([, code]) => code)).toEqual([
      'RATE_LIMITED',
      'API_KEY_MISSING',
      'API_KEY_INVALID',
      'API_KEY_READ_ONLY',
    ]);
    expect(outcomeOfProblem('execute', 401, 'A_WORD_OF_TOMORROW')).toBe('unknown');
  });
});

test('a refused cancel proves nothing but that it may be asked again', () => {
  const proves = ALL_CODES.filter(([status, code]) => outcomeOfProblem('cancel', status, code) !== 'unknown');
  expect(proves).toEqual([[429, 'RATE_LIMITED']]);
});

test.each(OPERATIONS)('no connection before the first byte: %s again', (operation) => {
  expect(noEffectClass(operation, 'NOT_CONNECTED')).toBe('again');
});

test.each(OPERATIONS)('a known word on a status of a gateway proves nothing: %s', (operation) => {
  for (const status of [200, 302, 408, 410, 500, 502, 503, 504])
    for (const [, code] of ALL_CODES) expect(outcomeOfProblem(operation, status, code)).toBe('unknown');
});

describe('a refused quote', () => {
  test.each([
    [422, 'UNSUPPORTED_PAIR'],
    [400, 'UNSUPPORTED_ASSET'],
    [422, 'AMOUNT_OUT_OF_RANGE'],
  ])('%d %s is final', (status, code) => {
    expect(quoteRefusalClass(status, code)).toBe('final');
  });

  test.each([
    [401, 'API_KEY_INVALID'],
    [401, 'UNSUPPORTED_PAIR'],
    [403, 'FEATURE_NOT_ENABLED'],
    [403, 'ANYTHING'],
  ])('%d %s is ours', (status, code) => {
    expect(quoteRefusalClass(status, code)).toBe('ours_all');
  });

  test.each([
    [400, 'VALIDATION_ERROR'],
    [422, 'CLIENT_MARKUP_SPREAD_EXCEEDED'],
    [422, 'UNSUPPORTED_PAIR_OF_SHOES'],
    [429, 'RATE_LIMITED'],
    [500, 'INTERNAL_ERROR'],
    [503, 'RATE_UNAVAILABLE'],
    [503, 'UNSUPPORTED_PAIR'],
    [404, 'UNSUPPORTED_PAIR'],
  ])('%d %s is a failed look', (status, code) => {
    expect(quoteRefusalClass(status, code)).toBe('failed_look');
  });
});

test('a switched-off feature is lifted by a person, a wrong key by a probe', () => {
  for (const code of ['FEATURE_NOT_ENABLED', 'CLIENT_MARKUP_NOT_ENABLED']) expect(healsByProbe(code)).toBe(false);
  for (const code of ['API_KEY_INVALID', 'API_KEY_READ_ONLY', 'DESTINATION_NOT_ACTIVATED'])
    expect(healsByProbe(code)).toBe(true);
});

test('a failure without effect is one of three codes, in any case of letters, and nothing that contains one', () => {
  for (const code of ['insufficient_funds', 'provider_unavailable', 'cancelled', 'Cancelled', 'INSUFFICIENT_FUNDS'])
    expect(failedWithoutEffect(code)).toBe(true);
  for (const code of [
    null,
    '',
    'provider_rejected',
    'internal_error',
    'insufficient_funds_at_settle',
    'cancelled\n',
    'x cancelled',
  ])
    expect(failedWithoutEffect(code)).toBe(false);
});
