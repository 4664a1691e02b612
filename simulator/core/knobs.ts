import { z } from 'zod';
import { isPositiveDecimal } from './exact.ts';

const Milliseconds = z.number().int().min(0);
const DAY_MS = 86_400_000;

export const DecimalText = z
  .string()
  .refine((text) => isPositiveDecimal(text) || /^0(\.0+)?$/.test(text), 'must be a plain decimal');
export const SpreadBps = DecimalText.refine((text) => Number(text) < 10_000, 'must be below 10000');

/**
 * What can be turned while the simulator runs, with the value it has when nobody turns it. Every duration but
 * `webhookTimeoutMs` and `dateSkewMs` is given as Conduit would have it and divided by the time scale when it is used.
 */
export const Knobs = z.strictObject({
  spreadBps: SpreadBps.default('25'),
  fixedFee: DecimalText.default('0.10'),
  /** A fixed fee for one asset code in place of `fixedFee`: 0.10 is little in USDT and much in ETH. */
  fixedFeeByCode: z.record(z.string(), DecimalText).default({}),
  fixedFeeIn: z.enum(['source', 'destination']).default('source'),
  /** Where the amount that arrives is printed before a fee in its own asset is taken off it. Conduit does not say. */
  grossAmountsOn: z.array(z.enum(['quote', 'order'])).default([]),
  minAmount: DecimalText.default('0'),
  maxAmount: DecimalText.default('10000000'),
  quoteTtlMs: Milliseconds.default(300_000),
  lockTtlMs: Milliseconds.default(2 * 3_600_000),
  lockSweepMs: Milliseconds.min(10).default(30_000),
  settleDelayMs: Milliseconds.default(15_000),
  /** While true no claimed order comes to its end; false again lets the overdue ones end at once. */
  settlementHeld: z.boolean().default(false),
  /** An account that the desk never named: active, with plenty of everything, or one that Conduit does not know. */
  unknownAccounts: z.enum(['plenty', 'refuse']).default('plenty'),
  /** Conduit documents the reads of a customer's virtual accounts; those of wallets, and of any account by its id alone, are a guess. */
  accountEndpoints: z.enum(['all', 'documented']).default('all'),
  idempotencyWindowMs: Milliseconds.default(30 * DAY_MS),
  /** Whether one key may serve two paths ("path"), or meets a conflict there ("organisation"). Conduit does not say. */
  idempotencyScope: z.enum(['organisation', 'path']).default('organisation'),
  /** Whether refusals are kept under a key as well. Conduit does not say. */
  idempotencyKeeps: z.enum(['2xx', 'all']).default('2xx'),
  /** What a second order with a used reference is told. Conduit lists both codes. */
  duplicateReferenceCode: z
    .enum(['DUPLICATE_CLIENT_REFERENCE_ID', 'CONFLICT'])
    .default('DUPLICATE_CLIENT_REFERENCE_ID'),
  /** Whether a transaction and its events repeat the order's clientReferenceId. Conduit does not say. */
  transactionsCarryReference: z.boolean().default(true),
  problemContentType: z.enum(['application/json', 'application/problem+json']).default('application/json'),
  /** Requests a second before 429; null for no limit (Conduit publishes no number). */
  requestsPerSecond: z.number().int().min(1).nullable().default(null),
  /** Added to the `Date` header alone. */
  dateSkewMs: z.number().int().default(0),
  webhookRetryMs: z.array(Milliseconds).min(1).max(20).default([0, 5_000, 30_000, 120_000, 600_000]),
  webhookTimeoutMs: Milliseconds.min(1).default(10_000),
  /** How long the former secret still signs beside the new one after a rotation. */
  rotationGraceMs: Milliseconds.default(DAY_MS),
});
export type Knobs = z.infer<typeof Knobs>;

/** The knobs of a change: any of them, unknown names refused, nothing filled in for those left out. */
const KnobsPatch = z.strictObject(
  Object.fromEntries(Object.entries(Knobs.shape).map(([name, knob]) => [name, knob.removeDefault().optional()])),
);

export type KnobBoard = {
  get(): Knobs;
  /** A duration of Conduit's own, as it lasts here. */
  scaled(ms: number): number;
  /** Takes an unchecked change; throws a ZodError and changes nothing when a part of it is wrong. */
  turn(change: unknown): Knobs;
};

export function createKnobBoard({ timeScale, initial }: { timeScale: number; initial: Partial<Knobs> }): KnobBoard {
  let knobs = Knobs.parse(initial);
  return {
    get: () => knobs,
    scaled: (ms) => ms / timeScale,
    turn(change) {
      knobs = Knobs.parse({ ...knobs, ...KnobsPatch.parse(change) });
      return knobs;
    },
  };
}
