import type { Customer } from '../system/system.ts';
import type { OrderBody } from './customer-calls.ts';
import { boundaryOf, FIAT, STABLES, TARGETS, UNITS } from './market.ts';
import type { Random } from './random.ts';
import type { DrawnKind, Kind, LoadShape } from './shape.ts';

/** One order of an experiment, and what its customer will do about it. */
export interface PlannedOrder {
  readonly customer: Customer;
  readonly body: OrderBody;
  /** After the beginning of the load. */
  readonly placeAtMs: number;
  /** After it was accepted. */
  readonly cancelAfterMs: number | null;
  /** How often the same request is sent once more, at the same time. */
  readonly repeats: number;
  /** Whether another body is tried under its key afterwards. */
  readonly triesOtherBody: boolean;
  /** Whether somebody looks at it meanwhile. */
  readonly isWatched: boolean;
  /** Whether a product that is well again has all the time it needs to execute it. */
  readonly isPatient: boolean;
}

const MIXED: Record<DrawnKind, number> = {
  crossing: 38,
  at_once: 15,
  expiring: 15,
  cancelled: 10,
  contested: 15,
  exact: 4,
  missed: 3,
};
/** What the market is never near to. */
const UNREACHABLE = { [STABLES]: '0.99', [FIAT]: '0.80' } as const;
const MET_AT_ONCE = { [STABLES]: '0.85', [FIAT]: '0.93' } as const;

export function planOrders(
  shape: LoadShape,
  customers: readonly Customer[],
  random: Random,
  runId: string,
): PlannedOrder[] {
  const weights = { ...MIXED, ...shape.kinds };
  const patientUntil = shape.windowMs + shape.expiresInMs[1] + shape.patienceMs;
  const now = Date.now();
  return Array.from({ length: shape.orders }, (_, index) => {
    const kind = index < shape.patient ? 'patient' : drawn(weights, random);
    const pair = random.chance(0.7) ? STABLES : FIAT;
    const customer = random.pick(customers);
    const placeAtMs = random.between(0, shape.windowMs);
    const livesMs = kind === 'patient' ? patientUntil - placeAtMs : lifeOf(kind, shape, random);
    const amount = amountOf(pair, random);
    return {
      customer,
      placeAtMs,
      // In a long run, too, most of them come while there is something to cancel.
      cancelAfterMs: cancelTime(kind, Math.min(shape.windowMs, livesMs), random),
      repeats: random.chance(0.2) ? random.between(1, 2) : 0,
      triesOtherBody: random.chance(0.1),
      isWatched: shape.isWatched ?? true,
      isPatient: kind === 'patient',
      body: bodyOf(pair, {
        amount,
        target_rate: targetOf(kind, pair, amount),
        idempotency_key: `${runId}-${index}`,
        user_id: customer.userId,
        expires_at: new Date(now + placeAtMs + livesMs).toISOString(),
      }),
    };
  });
}

/** One that waits for the market lives to see it; one that waits for nothing may go early. */
function lifeOf(kind: DrawnKind, { expiresInMs: [soonest, latest] }: LoadShape, random: Random): number {
  const isVain = kind === 'expiring' || kind === 'missed';
  return isVain ? random.between(soonest * 0.7, soonest) : random.between(soonest, latest);
}

export function bodyOf(
  pair: typeof STABLES | typeof FIAT,
  fields: Pick<OrderBody, 'amount' | 'target_rate' | 'idempotency_key' | 'user_id' | 'expires_at'>,
): OrderBody {
  return pair === STABLES
    ? {
        from_currency: 'USDT',
        to_currency: 'USDC',
        from_network: 'ethereum',
        to_network: 'ethereum',
        direction: '>=',
        ...fields,
      }
    : { from_currency: 'USD', to_currency: 'EUR', from_network: null, to_network: null, direction: '<=', ...fields };
}

function drawn(weights: Record<DrawnKind, number>, random: Random): DrawnKind {
  const kinds = Object.entries(weights) as [DrawnKind, number][];
  let left = random.next() * kinds.reduce((sum, [, weight]) => sum + weight, 0);
  for (const [kind, weight] of kinds) {
    left -= weight;
    if (left < 0) return kind;
  }
  return 'crossing';
}

/** From twenty on the fixed fee does not keep an order from its target. With all the digits of its asset: no float holds each of them. */
function amountOf(pair: typeof STABLES | typeof FIAT, random: Random): string {
  return `${random.between(20, 200)}.${String(random.between(0, 10 ** UNITS[pair] - 1)).padStart(UNITS[pair], '0')}`;
}

function targetOf(kind: Kind, pair: typeof STABLES | typeof FIAT, amount: string): string {
  if (kind === 'exact' || kind === 'missed') return boundaryOf(pair, amount, kind === 'exact');
  if (kind === 'expiring' || kind === 'cancelled') return UNREACHABLE[pair];
  return kind === 'at_once' || kind === 'patient' ? MET_AT_ONCE[pair] : TARGETS[pair];
}

function cancelTime(kind: Kind, withinMs: number, random: Random): number | null {
  if (kind === 'cancelled') return random.between(0, withinMs / 2);
  return kind === 'contested' ? random.between(0, withinMs) : null;
}
