import { z } from 'zod';
import type { ProviderOrder } from '../../domain/provider-order.ts';
import type { ProviderAmount, ProviderAsset, QuoteOption } from '../../domain/quote.ts';

// Conduit leaves absent fields out of orders and prints them as null elsewhere: missing and null mean the same. Fields that
// we do not know are ignored. Words of closed sets are read in either case, since older pages print them in capitals.

const Id = z.string().regex(/^[A-Za-z0-9_-]{1,100}$/);
const Time = z.iso.datetime({ offset: true }).transform((text) => Date.parse(text));
/** Money and rates are strings on this wire. A JSON number has been through a float somewhere: the reply is malformed. */
const DecimalText = z.string().max(200);
const Word = z.string().max(100).toLowerCase();

const assetFields = { code: z.string().min(1).max(20), chain: z.string().max(40).nullish() };
const assetOf = ({ code, chain }: { code: string; chain?: string | null | undefined }): ProviderAsset => ({
  currency: code.toUpperCase(),
  network: chain?.toLowerCase() ?? null,
});
const AssetRef = z.object(assetFields).transform(assetOf);
const Amount = z
  .object({ ...assetFields, amount: DecimalText })
  .transform(({ amount, ...asset }): ProviderAmount => ({ ...assetOf(asset), amount }));

const Fees = z.array(z.object({ assetAmount: Amount })).transform((fees) => fees.map((fee) => fee.assetAmount));

/** A code for the reader and for a comparison: kept whatever its form, so that an odd one does not hide a final status. */
const FreeCode = z
  .string()
  .transform((text) =>
    text
      .toLowerCase()
      .replaceAll(/[^\w.-]/g, '_')
      .slice(0, 100),
  )
  .nullish();

/** The account on one side of an order; null where none can be read, so that an odd side does not hide a final status. */
const Side = z
  .looseObject({ id: z.string().nullish() })
  .nullish()
  .catch(null)
  .transform((side) => side?.id ?? null);

/** An order's body as the domain's order. Strict about every field that a decision rests on. */
export const OrderBody = z
  .object({
    id: Id,
    clientReferenceId: z.string().nullish(),
    status: Word.pipe(z.enum(['pending', 'succeeded', 'failed', 'cancelled'])),
    executionTrigger: z.string().nullish(),
    autoExecute: z.boolean(),
    source: Side,
    destination: Side,
    quoteOptionId: z.string().nullish(),
    sourceAsset: Amount,
    destinationAsset: Amount,
    totalDebit: Amount,
    fees: Fees,
    // The same object as on a quote's option; a bare string is read as well.
    rate: z.union([DecimalText, z.object({ endUserRate: DecimalText })]).nullish(),
    lockExpiresAt: Time,
    failureCode: FreeCode,
    cancellationReason: FreeCode,
    linkedTransactionIds: z.array(Id).max(1_000),
  })
  .transform(
    (body): ProviderOrder => ({
      id: body.id,
      reference: body.clientReferenceId ?? null,
      status: body.status,
      isClaimed: body.status === 'pending' && typeof body.executionTrigger === 'string',
      autoExecute: body.autoExecute,
      sourceAccount: body.source,
      destinationAccount: body.destination,
      quoteOptionId: body.quoteOptionId ?? null,
      source: body.sourceAsset,
      destination: body.destinationAsset,
      totalDebit: body.totalDebit,
      fees: body.fees,
      endUserRate: typeof body.rate === 'string' ? body.rate : (body.rate?.endUserRate ?? null),
      lockExpiresAt: body.lockExpiresAt,
      failureCode: body.failureCode ?? null,
      cancellationReason: body.cancellationReason ?? null,
      linkedTransactionIds: body.linkedTransactionIds,
    }),
  );

const OptionBody = z.object({
  id: Id,
  rate: z.object({ endUserRate: DecimalText, referenceRate: DecimalText, totalSpreadBps: DecimalText }).nullish(),
  fees: Fees,
  sourceAmount: Amount,
  destinationAmount: Amount,
  recipientAmount: Amount,
  totalDebit: Amount,
});

/** The options of a quote that have a rate; one without is not a conversion. */
export const QuoteBody = z
  .object({
    id: Id,
    createdAt: Time,
    expiresAt: Time,
    lockSide: Word.nullish(),
    amount: Amount.nullish(),
    sourceAssetRef: AssetRef.nullish(),
    destinationAssetRef: AssetRef.nullish(),
    options: z.array(OptionBody),
  })
  .transform(({ id, createdAt, expiresAt, options, lockSide, amount, sourceAssetRef, destinationAssetRef }) =>
    options.flatMap(({ id: optionId, rate, ...amounts }): QuoteOption[] =>
      rate
        ? [
            {
              quoteId: id,
              optionId,
              createdAt,
              expiresAt,
              referenceRate: rate.referenceRate,
              endUserRate: rate.endUserRate,
              spreadBps: rate.totalSpreadBps,
              echo: {
                lockSide: lockSide ?? null,
                amount: amount?.amount ?? null,
                from: sourceAssetRef ?? null,
                to: destinationAssetRef ?? null,
              },
              ...amounts,
            },
          ]
        : [],
    ),
  );

/** One page of a list. Its items are read one by one: a foreign one that we cannot read must not hide ours. */
export const PageBody = z.object({
  data: z.array(z.looseObject({})),
  meta: z.object({ nextCursor: z.string().max(2_000).nullish() }),
});

export const TransactionBody = z.object({
  id: Id,
  status: Word.pipe(z.enum(['pending', 'processing', 'completed', 'failed', 'cancelled'])),
});

export const AccountBody = z.object({ id: Id, status: Word.nullish() });

export const NewWebhookBody = z.object({ id: Id, secret: z.string().regex(/^whsec_[0-9A-Za-z]+$/) });

/** A problem by RFC 9457 as Conduit prints it: `type` is a word of its catalogue and the only thing to go by. */
export const ProblemBody = z.object({
  type: z.string().regex(/^[A-Z][A-Z0-9_]{1,99}$/),
  status: z.number().nullish(),
  // A hint: an odd one must not hide the refusal itself.
  retryAfterSeconds: z.number().positive().nullish().catch(null),
});
