import type { SimulatorControl } from '../../simulator/control.ts';
import { type Check, checkOrder, checkTwice } from './checks.ts';
import type { ApiClient, OrderRequest, OrderView } from './client.ts';
import { timelineOf } from './timeline.ts';

export type Stage = {
  readonly api: ApiClient;
  readonly simulator: SimulatorControl;
  readonly userId: string;
  /** Makes this run's idempotency keys its own. */
  readonly runId: string;
  readonly say: (text: string) => void;
  /** Where an operator looks at the order. */
  readonly linkOf: (orderId: string) => string;
};

export type Played = {
  readonly main: OrderView;
  readonly checks: readonly Check[];
};

const STABLES = 'USDT.ethereum-USDC.ethereum';
const FIAT = 'USD-EUR';
/** From 0.9150 in steps of 0.0005: the all-in rate reaches 0.92 about two thirds of the way. */
const CLIMB = { climb: { from: '0.9150', to: '0.9300', steps: 30, everyMs: 600 } };
/** Falls from 0.9250 to 0.9000, for the order that waits for a lower rate. */
const FALL = { climb: { from: '0.9250', to: '0.9000', steps: 25, everyMs: 800 } };
const EXECUTION_DEADLINE_MS = 45_000;
const EXPIRING_IN_SECONDS = 20;

/** Plays the five orders in front of the reader and checks each against Conduit's ledger. */
export async function play(stage: Stage): Promise<Played> {
  const { api, simulator, say } = stage;
  const ledger: SimulatorControl['ledger'] = (filter) => simulator.ledger(filter);
  await simulator.setRate(STABLES, '0.9150');
  await simulator.setRate(FIAT, '0.9250');
  const placed = await placeAll(stage);

  say('\nThe market moves: USDT/USDC climbs from 0.9150, USD/EUR falls from 0.9250.');
  await Promise.all([simulator.scriptRates(STABLES, CLIMB), simulator.scriptRates(FIAT, FALL)]);
  const { status } = await api.cancel(placed.cancelled.order_id);
  say(`Cancel of order 2: ${status}`);

  let told = '';
  const executed = await api.untilFinal(placed.main.order_id, EXECUTION_DEADLINE_MS, (order) => {
    const news = `   order 1 is ${order.status}${order.reason ? ` (${order.reason})` : ''}`;
    if (news !== told) say(news); // A look at the rate is a change of the row, and none of the status.
    told = news;
  });
  say('\nTimeline of order 1:');
  for (const line of timelineOf(await api.events(placed.main.order_id))) say(line);

  say('\nOrders 2 to 5:');
  const end = async (number: number, what: string, id: string): Promise<OrderView> => {
    const order = await api.untilFinal(id, EXECUTION_DEADLINE_MS);
    say(` ${number} ${order.status}: ${what}${order.all_in_rate ? `, all-in ${order.all_in_rate}` : ''}`);
    for (const line of timelineOf(await api.events(id))) say(line);
    return order;
  };
  const cancelled = await end(2, 'cancelled by its customer', placed.cancelled.order_id);
  const expired = await end(3, `its rate out of reach for ${EXPIRING_IN_SECONDS} s`, placed.expiring.order_id);
  const falling = await end(4, '<= 0.91 on USD → EUR', placed.falling.order_id);
  const twice = await end(5, 'placed twice with one key', placed.once.body.order_id);
  const { spreadBps, fixedFee } = await simulator.knobs();
  say(
    `   (All-in is what arrives divided by what leaves. Of order 5's 5.00 a fixed fee of ${fixedFee} is kept, the rest goes at 0.9150 less ${spreadBps} bps.)`,
  );
  return {
    main: executed,
    checks: [
      ...(await checkOrder('1 the main order', executed, 'executed', ledger)),
      ...(await checkOrder('2 the cancelled order', cancelled, 'cancelled', ledger)),
      ...(await checkOrder('3 the expiring order', expired, 'expired', ledger)),
      ...(await checkOrder('4 the <= order', falling, 'executed', ledger)),
      ...(await checkOrder('5 the order placed twice', twice, 'executed', ledger)),
      checkTwice(placed.once, placed.again),
    ],
  };
}

async function placeAll(stage: Stage) {
  const { api, say } = stage;
  say('\n1. "Convert 20.00 USDT to USDC when the rate is at least 0.92": POST /conditional-transfers/');
  const main = await place(stage, {
    target_rate: '0.9200000000',
    expires_at: inSeconds(600),
    idempotency_key: key(stage, 'idem-12351-unique-key'),
  });
  say(
    '2. One that will be cancelled, 3. one that will expire, 4. a <= order on USD → EUR, 5. one placed twice with one key',
  );
  const cancelled = await place(stage, {
    target_rate: '0.9900000000',
    expires_at: inSeconds(600),
    idempotency_key: key(stage, 'cancelled'),
  });
  const expiring = await place(stage, {
    target_rate: '0.9900000000',
    expires_at: inSeconds(EXPIRING_IN_SECONDS),
    idempotency_key: key(stage, 'expiring'),
  });
  const falling = await place(stage, {
    from_currency: 'USD',
    to_currency: 'EUR',
    from_network: null,
    to_network: null,
    amount: '100.00',
    target_rate: '0.9100000000',
    direction: '<=',
    expires_at: inSeconds(600),
    idempotency_key: key(stage, 'falling'),
  });
  const twice = requestOf(stage, {
    amount: '5.00',
    target_rate: '0.8500000000',
    expires_at: inSeconds(600),
    idempotency_key: key(stage, 'twice'),
  });
  const [once, again] = await Promise.all([api.place(twice), api.place(twice)]);
  say(
    `   placed twice with one key: ${once.status} and ${again.status}, orders ${once.body.order_id} and ${again.body.order_id}`,
  );
  return { main, cancelled, expiring, falling, once, again };
}

async function place(stage: Stage, fields: Partial<OrderRequest>): Promise<OrderView> {
  const { status, body } = await stage.api.place(requestOf(stage, fields));
  if (status !== 201) throw new Error(`the API answered ${status} to an order of the demo: ${JSON.stringify(body)}`);
  stage.say(`   201 ${body.order_id}  ${stage.linkOf(body.order_id)}`);
  return body;
}

function requestOf({ userId }: Stage, fields: Partial<OrderRequest>): OrderRequest {
  return {
    from_currency: 'USDT',
    to_currency: 'USDC',
    from_network: 'ethereum',
    to_network: 'ethereum',
    amount: '20.00',
    target_rate: '0.9200000000',
    direction: '>=',
    idempotency_key: '',
    user_id: userId,
    expires_at: '',
    ...fields,
  };
}

function key({ runId }: Stage, name: string): string {
  return `${name}-${runId}`;
}

function inSeconds(seconds: number): string {
  return new Date(Date.now() + seconds * 1_000).toISOString();
}
