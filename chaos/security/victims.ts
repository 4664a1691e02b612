import { randomUUID } from 'node:crypto';
import type { Stage } from '../experiments/experiment.ts';
import type { OrderBody } from '../load/customer-calls.ts';
import { STABLES } from '../load/market.ts';
import { bodyOf } from '../load/plan.ts';
import type { PlacedOrder } from '../load/run-load.ts';
import type { Customer, System } from '../system/system.ts';

const RATES = { metAtOnce: '0.85', never: '0.99' } as const;
/** More than the shortest life that the service takes: longer than the experiment, in case nobody comes to cancel it. */
const LIVES_MORE_MS = 80_000;
const POLL_MS = 200;
const STATE_DEADLINE_MS = 45_000;

export interface Wish {
  readonly rate: keyof typeof RATES;
  readonly livesMs?: number;
  readonly cancelAfterMs?: number;
}

/** Places an order of this customer, who then leaves it alone. Throws when it is not accepted. */
export async function placeFor(stage: Stage, customer: Customer, wish: Wish): Promise<PlacedOrder> {
  const body = bodyFor(stage, customer, wish);
  const plan = {
    customer,
    body,
    placeAtMs: 0,
    cancelAfterMs: wish.cancelAfterMs ?? null,
    repeats: 0,
    triesOtherBody: false,
    isWatched: false,
    isPatient: false,
  };
  const [placed] = await stage.place([plan]);
  if (!placed) throw new Error(`an order of the experiment was refused: ${JSON.stringify(body)}`);
  return placed;
}

export function bodyFor(
  { experiment, system }: Stage,
  { userId }: Customer,
  { rate, livesMs = shortestLifeMs(system) + LIVES_MORE_MS }: Wish,
): OrderBody {
  return bodyOf(STABLES, {
    amount: '31.07',
    target_rate: RATES[rate],
    idempotency_key: `${experiment}-${randomUUID()}`,
    user_id: userId,
    expires_at: new Date(Date.now() + livesMs).toISOString(),
  });
}

/** The nearest expiry that the service takes. */
export function shortestLifeMs({ settings }: System): number {
  return Number(settings['MIN_EXPIRY_SECONDS']) * 1_000;
}

/** Waits until the order is in this state. Throws when it never is. */
export async function untilStatus({ system, sleep }: Stage, orderId: string, status: string): Promise<void> {
  const giveUpAt = Date.now() + shortestLifeMs(system) + STATE_DEADLINE_MS;
  for (; ; await sleep(POLL_MS)) {
    const [row] = await system.db<{ status: string }[]>`select status from orders where order_id = ${orderId}`;
    if (row?.status === status) return;
    if (Date.now() > giveUpAt) throw new Error(`order ${orderId} is ${row?.status} and never became ${status}`);
  }
}

/** What a stranger could have moved. The order's own run takes it on meanwhile; what it does is another actor's. */
export async function pictureOf({ db }: System, orderId: string): Promise<string> {
  const [row] = await db`
    select o.status, o.reason, o.cancel_refused_at,
      case when o.closed_at is null then null else o.version end as version,
      (select count(*)::int from order_events e where e.order_id = o.order_id and e.actor = 'api') as events_by_api,
      (select count(*)::int from idempotency_keys k where k.order_id = o.order_id) as keys,
      (select count(*)::int from inbox i where i.order_id = o.order_id
        and i.event_id like 'evt_forged_%') as forged_webhooks
    from orders o where o.order_id = ${orderId}`;
  return JSON.stringify(row ?? null);
}

/** What only the owner and the service know of an order: none of it is in any answer to anybody else. */
export async function factsOf({ db, secrets }: System, orderId: string, owner: Customer): Promise<string[]> {
  const [row] = await db<{ key: string; provider: (string | null)[] }[]>`
    select o.idempotency_key as key,
      (select array_agg(x) from transactions t, lateral (values (t.conduit_order_id), (t.conduit_transaction_id)) as ids(x)
        where t.order_id = o.order_id) as provider
    from orders o where o.order_id = ${orderId}`;
  const ids = [row?.key, ...(row?.provider ?? [])].filter((it): it is string => typeof it === 'string' && it !== '');
  return [...ids, owner.userId, ...Object.values(owner.accounts), ...secrets];
}
