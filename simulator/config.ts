import { z } from 'zod';
import { parsePair } from './core/assets.ts';
import { isPositiveDecimal } from './core/exact.ts';
import { DecimalText, type Knobs, SpreadBps } from './core/knobs.ts';
import { webhookUrlFault } from './webhooks/addresses.ts';

/** The sandbox keys that everybody may know: they open nothing but a simulator. */
const DEFAULT_API_KEY = `ck_sandbox_${'0123456789abcdef'.repeat(4)}`;
const DEFAULT_READ_ONLY_KEY = `ck_sandbox_${'fedcba9876543210'.repeat(4)}`;

const ApiKey = z.string().regex(/^ck_sandbox_[0-9a-f]{64}$/, 'must be ck_sandbox_ and 64 hex digits');

/** `USD-EUR=0.92,USDT.ethereum-USDC.ethereum=0.9150` */
const RateList = z.string().transform((text, context) => {
  const rates: Record<string, string> = {};
  for (const part of text.split(',').filter((one) => one.trim() !== '')) {
    const [pair = '', rate = '', ...rest] = part.trim().split('=');
    const isGood = rest.length === 0 && parsePair(pair) !== undefined && isPositiveDecimal(rate);
    if (isGood) rates[pair] = rate;
    else context.addIssue({ code: 'custom', message: `${part.trim()} is not PAIR=RATE, like USD-EUR=0.92` });
  }
  return rates;
});

/** Every variable that the simulator reads, with its default. */
export const Environment = z.object({
  SIMULATOR_HOST: z.string().default('127.0.0.1'),
  SIMULATOR_PORT: z.coerce.number().int().min(0).max(65_535).default(8090),
  SIMULATOR_LEDGER_FILE: z.string().min(1).default('.local/simulator-ledger.jsonl'),
  SIMULATOR_API_KEY: ApiKey.default(DEFAULT_API_KEY),
  SIMULATOR_READ_ONLY_KEY: ApiKey.default(DEFAULT_READ_ONLY_KEY),
  SIMULATOR_SETTLE_DELAY_MS: z.coerce.number().int().min(0).default(15_000),
  SIMULATOR_SPREAD_BPS: SpreadBps.default('25'),
  SIMULATOR_FIXED_FEE: DecimalText.default('0.10'),
  SIMULATOR_RATES: RateList.prefault(
    'USDT.ethereum-USDC.ethereum=0.9150,USDC.ethereum-USDT.ethereum=1.09,USD-EUR=0.92,EUR-USD=1.08,' +
      'USD-USDC.ethereum=1,USDC.ethereum-USD=1',
  ),
  /** Days of the ECB's history per second, for the pairs that SIMULATOR_RATES does not name. */
  SIMULATOR_ECB_SPEED: z.coerce.number().positive().max(100_000).optional(),
  SIMULATOR_WEBHOOK_URL: z.url().optional(),
  SIMULATOR_WEBHOOK_SECRET: z
    .string()
    .regex(/^whsec_[0-9a-f]{64}$/, 'must be whsec_ and 64 hex digits')
    .optional(),
  SIMULATOR_ALLOW_HTTP_WEBHOOKS: z.stringbool().default(false),
  SIMULATOR_SEED: z.coerce.number().int().min(0).default(1),
  TIME_SCALE: z.coerce.number().min(1).max(1_000).default(1),
  LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info'),
});

export type SimulatorConfig = z.infer<typeof Environment>;

/** The configuration, or an error whose message lists every fault, one a line. An empty variable counts as not set. */
export function loadSimulatorConfig(env: Record<string, string | undefined>): SimulatorConfig {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ''));
  const parsed = Environment.safeParse(given);
  const faults = (parsed.error?.issues ?? []).map((issue) => `  ${issue.path.join('.')}: ${issue.message}`);
  if ('SIMULATOR_WEBHOOK_URL' in given !== 'SIMULATOR_WEBHOOK_SECRET' in given) {
    faults.push('  SIMULATOR_WEBHOOK_SECRET: goes together with SIMULATOR_WEBHOOK_URL');
  }
  const { SIMULATOR_WEBHOOK_URL: url, SIMULATOR_ALLOW_HTTP_WEBHOOKS: allowHttp = false } = parsed.data ?? {};
  const urlFault = url === undefined ? undefined : webhookUrlFault(url, allowHttp);
  if (urlFault !== undefined) faults.push(`  SIMULATOR_WEBHOOK_URL: ${urlFault}`);
  if (parsed.success && faults.length === 0) return parsed.data;
  throw new Error(`the simulator's configuration is not valid:\n${faults.join('\n')}`);
}

/** The knobs that the environment sets; the others keep their own defaults. */
export function knobsFrom(config: SimulatorConfig): Partial<Knobs> {
  return {
    settleDelayMs: config.SIMULATOR_SETTLE_DELAY_MS,
    spreadBps: config.SIMULATOR_SPREAD_BPS,
    fixedFee: config.SIMULATOR_FIXED_FEE,
  };
}
