import { z } from 'zod';
import { type Asset, type AssetFault, decimalsOf, pairText, parseAsset, sameAsset } from '../domain/assets.ts';
import { Decimal, digitsOf, isPlainDecimal } from '../domain/decimal.ts';
import { DomainError } from '../domain/errors.ts';
import { isUuid } from '../domain/ids.ts';
import type { Direction, Instant } from '../domain/order.ts';

/** A request for an order whose every field is well-formed. What hangs on time, limits and rates is not judged yet. */
export interface CreateOrder {
  readonly userId: string;
  readonly idempotencyKey: string;
  readonly from: Asset;
  readonly to: Asset;
  readonly pair: string;
  /** As written, so that the rate is shown as it was given. */
  readonly amount: string;
  readonly targetRate: string;
  readonly direction: Direction;
  readonly expiresAt: Instant;
}

const MAX_DECIMAL_CHARS = 64;
const MAX_RATE_DIGITS = { integer: 12, fraction: 18 };

const text = (what: string) =>
  z.string({ error: ({ input }) => (input === undefined ? 'is missing' : `must be ${what}`) });
const currency = text('a currency code').max(16, 'is no currency code');
const network = text('the name of a network, or null for a fiat currency').max(32, 'is no network').nullable();
const positiveDecimal = text('a decimal in a string, as "20.00"').superRefine((value, context) => {
  const fault = positiveDecimalFault(value);
  if (fault) context.addIssue({ code: 'custom', message: fault });
});

const BODY = z.strictObject({
  from_currency: currency,
  to_currency: currency,
  from_network: network,
  to_network: network,
  amount: positiveDecimal,
  target_rate: positiveDecimal.superRefine((value, context) => {
    const { integer, fraction } = digitsOf(value);
    if (integer > MAX_RATE_DIGITS.integer || fraction > MAX_RATE_DIGITS.fraction) {
      const message = `may have ${MAX_RATE_DIGITS.integer} digits before and ${MAX_RATE_DIGITS.fraction} after the point`;
      context.addIssue({ code: 'custom', message });
    }
  }),
  direction: z.enum(['>=', '<='], {
    error: ({ input }) => (input === undefined ? 'is missing' : 'must be ">=" or "<="'),
  }),
  idempotency_key: text('a string').regex(
    /^[A-Za-z0-9_.:-]{1,128}$/,
    'must be 1 to 128 characters out of A-Z a-z 0-9 _ . : -',
  ),
  user_id: text('a UUID').refine(isUuid, 'must be a UUID'),
  expires_at: text('a time').refine(
    (value) => parseTime(value) !== null,
    'must be RFC 3339 in UTC, as 2031-01-31T10:00:00Z',
  ),
});

/** Reads the body of a create. Throws a DomainError that points to every wrong field at once. */
export function parseCreateOrder(body: unknown): CreateOrder {
  const parsed = BODY.safeParse(body);
  const from = readAsset(body, 'from');
  const to = readAsset(body, 'to');
  const faults = [
    ...(parsed.success ? [] : parsed.error.issues.flatMap(faultsOfIssue)),
    ...from.faults,
    ...to.faults,
    ...(from.asset ? amountFaults(body, from.asset) : []),
    ...(from.asset && to.asset && sameAsset(from.asset, to.asset) ? SAME_ASSET_FAULTS : []),
  ];
  if (!parsed.success || !from.asset || !to.asset || faults.length > 0) throw refusal(faults);
  const { user_id, idempotency_key, amount, target_rate, direction, expires_at } = parsed.data;
  return {
    userId: user_id.toLowerCase(),
    idempotencyKey: idempotency_key,
    from: from.asset,
    to: to.asset,
    pair: pairText(from.asset, to.asset),
    amount,
    targetRate: target_rate,
    direction,
    expiresAt: parseTime(expires_at) ?? 0,
  };
}

/** A wrong field, and what it is called when nothing else is wrong. */
interface BodyFault {
  readonly code: 'validation_failed' | 'unsupported_asset' | 'same_asset';
  readonly pointer: string;
  readonly detail: string;
}

function refusal(faults: readonly BodyFault[]): DomainError {
  const codes = new Set(faults.map(({ code }) => code));
  const [code] = codes.size === 1 ? codes : [];
  const fields = faults.map(({ pointer, detail }) => ({ pointer, detail }));
  return new DomainError(code ?? 'validation_failed', 'the body has wrong fields; each is pointed to', { fields });
}

function faultsOfIssue(issue: z.core.$ZodIssue): BodyFault[] {
  const at = issue.path.map((part) => `/${escapePointer(String(part))}`).join('');
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => invalid(`${at}/${escapePointer(key)}`, 'is not a field of an order'));
  }
  return [invalid(at, at === '' ? 'must be an object' : issue.message)];
}

function invalid(pointer: string, detail: string): BodyFault {
  return { code: 'validation_failed', pointer, detail };
}

/** One part of a JSON pointer, by RFC 6901. */
export function escapePointer(part: string): string {
  return part.replaceAll('~', '~0').replaceAll('/', '~1');
}

function positiveDecimalFault(value: string): string | null {
  if (value.length > MAX_DECIMAL_CHARS) return 'is too long';
  if (!isPlainDecimal(value)) return 'must be a plain decimal: no sign, no exponent, no leading zero';
  return new Decimal(value).gt(0) ? null : 'must be above zero';
}

const ASSET_FAULTS: Record<AssetFault, { field: 'currency' | 'network'; detail: string }> = {
  unknown_currency: { field: 'currency', detail: 'is not a currency that can be converted' },
  unknown_network: { field: 'network', detail: 'is not a network of this currency' },
  network_missing: { field: 'network', detail: 'must name the network of this currency' },
  network_unexpected: { field: 'network', detail: 'must be null: a fiat currency has no network' },
};

const SAME_ASSET_FAULTS = ['/to_currency', '/to_network'].map(
  (pointer): BodyFault => ({ code: 'same_asset', pointer, detail: 'is the same as on the other side' }),
);

/** One side's asset, as far as its two fields are well-formed: other faults of the body must not hide this one. */
function readAsset(body: unknown, side: 'from' | 'to'): { asset: Asset | null; faults: readonly BodyFault[] } {
  const code = currency.safeParse(fieldOf(body, `${side}_currency`));
  const name = network.safeParse(fieldOf(body, `${side}_network`));
  if (!code.success || !name.success) return { asset: null, faults: [] };
  const asset = parseAsset(code.data, name.data);
  if (typeof asset !== 'string') return { asset, faults: [] };
  const { field, detail } = ASSET_FAULTS[asset];
  return { asset: null, faults: [{ code: 'unsupported_asset', pointer: `/${side}_${field}`, detail }] };
}

/** Whether the amount can be paid in this asset at all. */
function amountFaults(body: unknown, from: Asset): BodyFault[] {
  const amount = positiveDecimal.safeParse(fieldOf(body, 'amount'));
  const decimals = decimalsOf(from.currency);
  if (!amount.success || digitsOf(amount.data).fraction <= decimals) return [];
  return [invalid('/amount', `may have at most ${decimals} decimals: that is what ${from.currency} has`)];
}

function fieldOf(body: unknown, name: string): unknown {
  return typeof body === 'object' && body !== null && Object.hasOwn(body, name) ? Reflect.get(body, name) : undefined;
}

const RFC_3339 = /^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(\.\d{1,9})?Z$/;

/** Milliseconds since the epoch; null when the text is not RFC 3339 with `Z`, or names a day or hour that does not exist. */
function parseTime(value: string): Instant | null {
  const seconds = RFC_3339.exec(value)?.[1];
  if (seconds === undefined) return null;
  const at = Date.parse(value);
  // JavaScript reads 30 February as 2 March, and 24:00 as the next day.
  return Number.isNaN(at) || !new Date(at).toISOString().startsWith(seconds) ? null : at;
}
