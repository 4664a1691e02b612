import { z } from 'zod';
import { ASSET_CODES, type Asset, amountFault, CHAINS, isFiat } from '../core/assets.ts';
import { type IdPrefix, isId } from '../core/ids.ts';
import { present } from '../core/present.ts';
import { EVENT_TYPES, isEventType } from '../webhooks/event-types.ts';
import { type FieldError, invalid, Problem } from './problem.ts';

const AssetRef = z.strictObject({ code: z.enum(ASSET_CODES), chain: z.enum(CHAINS).optional() });
const WalletSide = z.strictObject({ type: z.literal('wallet'), id: z.string(), asset: AssetRef });
const Side = z.discriminatedUnion('type', [
  WalletSide,
  z.strictObject({ type: z.literal('virtual_account'), id: z.string() }),
]);
const LockSide = z.enum(['source', 'destination']);
const Reference = z.string().regex(/^[A-Za-z0-9_\-:.]{1,255}$/);
const Markup = { markupBps: z.string().optional(), markupAmount: z.string().optional() };
const Extras = { clientReferenceId: Reference.optional(), autoExecute: z.boolean().default(false), ...Markup };

export const QuoteBody = z.strictObject({
  source: AssetRef,
  destination: AssetRef,
  lockSide: LockSide,
  amount: z.string(),
  destinationCountry: z.string().optional(),
  ...Markup,
});
export type QuoteBody = z.infer<typeof QuoteBody>;

/** Redeems an option: amount and lock side are the quote's, so the body may not name them. */
export const RedeemBody = z.strictObject({ quoteOptionId: z.string(), source: Side, destination: Side, ...Extras });
/** Priced at the moment of creation. Only between wallets: a virtual account does not name its currency here. */
export const ExplicitBody = z.strictObject({
  source: WalletSide,
  destination: WalletSide,
  lockSide: LockSide,
  amount: z.string(),
  ...Extras,
});
export type ExplicitBody = z.infer<typeof ExplicitBody>;
export const EmptyBody = z.strictObject({});

const EventType = z
  .string()
  .refine(isEventType, { error: 'is not an event type', params: { allowedValues: EVENT_TYPES } });
const EventTypes = z.array(EventType).min(1).max(100);
const Subscription = z.discriminatedUnion('mode', [
  z.strictObject({ mode: z.literal('all') }),
  z.strictObject({ mode: z.literal('selected'), eventTypes: EventTypes }),
]);
const EndpointFields = {
  url: z.string().max(2048),
  description: z.string().max(500).nullable(),
  subscription: Subscription,
};
export const EndpointBody = z.strictObject({
  url: EndpointFields.url,
  description: EndpointFields.description.optional(),
  subscription: EndpointFields.subscription.optional(),
});
export const EndpointPatch = z.strictObject(EndpointFields).partial();

function fieldErrors(error: z.ZodError): FieldError[] {
  return error.issues.flatMap((issue): FieldError[] => {
    const pointer = issue.path.map((part) => `/${String(part)}`).join('');
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => ({ pointer: `${pointer}/${key}`, detail: 'is not a known property' }));
    }
    return [{ pointer, detail: issue.message, ...present('allowedValues', allowedValues(issue)) }];
  });
}

function allowedValues(issue: z.core.$ZodIssue): string[] | undefined {
  if (issue.code === 'invalid_value') return issue.values.map(String);
  return issue.code === 'custom' ? (issue.params?.['allowedValues'] as string[] | undefined) : undefined;
}

/** The body in the schema's type, or 400 VALIDATION_ERROR with a pointer to each wrong field. */
export function parseBody<T>(schema: z.ZodType<T>, body: unknown): T {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  throw new Problem('VALIDATION_ERROR', 'the body is not valid', { errors: fieldErrors(parsed.error) });
}

/** An asset reference whose chain fits its kind: required for crypto, never there for fiat. */
export function checkedAsset(ref: { code: string; chain?: string | undefined }, pointer: string): Asset {
  if (isFiat(ref.code) && ref.chain !== undefined) throw invalid(`${pointer}/chain`, 'a fiat currency has no chain');
  if (!isFiat(ref.code) && ref.chain === undefined) throw invalid(`${pointer}/chain`, 'is required for a crypto asset');
  return { code: ref.code, ...present('chain', ref.chain) };
}

export function checkedAmount(code: string, amount: string): string {
  const fault = amountFault(code, amount);
  if (fault !== undefined) throw invalid('/amount', fault);
  return amount;
}

export function checkedId(prefix: IdPrefix, id: string): string {
  if (!isId(prefix, id))
    throw new Problem('INVALID_OID_FORMAT', `${id.slice(0, 60)} is not an id of the form ${prefix}_…`);
  return id;
}
