import { z } from 'zod';
import { parseAsset, parsePair } from '../core/assets.ts';
import { RateSpec } from '../core/rates.ts';
import { Forgery } from '../webhooks/forgery.ts';

const Pair = z
  .string()
  .refine((text) => parsePair(text) !== undefined, 'must look like USD-EUR or USDT.ethereum-USDC.ethereum');
export const RatesBody = z.record(Pair, RateSpec);
const Balance = z
  .string()
  .regex(/^\d+(\.\d+)?$/, 'must be a plain decimal')
  .nullable();
const AssetText = z.string().refine((text) => parseAsset(text) !== undefined, 'must look like USD or USDT.ethereum');
export const AccountBody = z.strictObject({
  customerId: z.string().nullable().optional(),
  active: z.boolean().optional(),
  refusalCode: z.string().optional(),
  assets: z.array(AssetText).min(1).nullable().optional(),
  balances: z.record(AssetText, Balance).optional(),
});
export const HoldBody = z.strictObject({ held: z.boolean() });
export const TransactionBody = z.strictObject({
  status: z.enum(['processing', 'completed', 'failed', 'cancelled']),
  failureCode: z.string().optional(),
});
export const WebhookBody = z.strictObject({
  endpointId: z.string().optional(),
  type: z.string(),
  data: z.record(z.string(), z.unknown()),
  forge: Forgery.optional(),
  skewSeconds: z.number().int().optional(),
});
export const SeedBody = z.strictObject({ seed: z.number().int().min(0) });
export const ClockBody = z.strictObject({ offsetMs: z.number().int() });
