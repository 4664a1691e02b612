import type { z } from 'zod';
import type { Delivery, HeldOrder } from './book/book.ts';
import type { Account, Recorded, Transaction } from './book/entries.ts';
import type { Knobs } from './core/knobs.ts';
import type { EcbReplay, RateSpec } from './core/rates.ts';
import type { AccountBody, TransactionBody, WebhookBody } from './desk/bodies.ts';
import type { ArmedRule, FaultRuleInput } from './faults/rules.ts';
import type { FailureSpec } from './faults/twists.ts';
import type { Sent } from './webhooks/post.ts';
import type { RequestFilter, RequestPage, SeenRequest } from './wire/requests.ts';

/** A reference may end in `*`, for all that begin so. */
export type LedgerFilter = { event?: string | string[]; orderId?: string; reference?: string; afterSeq?: number };

/** The control desk of a running simulator, for tests, demo and experiments. Orders go by `ord_` id or clientReferenceId. */
export type SimulatorControl = {
  setRate(pair: string, rate: string): Promise<void>;
  scriptRates(pair: string, spec: RateSpec): Promise<void>;
  /** Replays the ECB for every pair without a rate of its own; null ends it. */
  replayEcb(replay: EcbReplay | null): Promise<void>;
  rates(): Promise<Record<string, { spec: RateSpec; now?: { rate: string } | { unavailable: string } }>>;
  setKnobs(knobs: Partial<Knobs>): Promise<Knobs>;
  knobs(): Promise<Knobs>;
  /** Queues rules behind those already armed; returns their ids. */
  armFault(...rules: FaultRuleInput[]): Promise<string[]>;
  faults(): Promise<ArmedRule[]>;
  clearFaults(id?: string): Promise<void>;
  /** Begins the dice of the faults anew: from here on the same rules meet the same calls. */
  seed(seed: number): Promise<void>;
  /** How many requests came, by operation; times as milliseconds of the machine's clock. */
  requestCounts(filter?: RequestFilter): Promise<Record<string, number>>;
  /** The requests themselves, in the order in which they came. Throws when the simulator has forgotten some of them. */
  requests(filter?: RequestFilter): Promise<SeenRequest[]>;
  ledger(filter?: LedgerFilter): Promise<Recorded[]>;
  order(order: string): Promise<HeldOrder>;
  /** Ends a claimed order now as planned, also one that is held. */
  settle(order: string): Promise<HeldOrder>;
  /** Fails a claimed order now, or arms the failure of one that is not claimed yet. */
  failOrder(order: string, failure?: z.input<typeof FailureSpec>): Promise<HeldOrder>;
  /** Cancels a pending, unclaimed order as if somebody else had. */
  cancelAsOther(order: string): Promise<HeldOrder>;
  holdSettlement(order: string, held: boolean): Promise<HeldOrder>;
  setTransaction(transactionId: string, change: z.input<typeof TransactionBody>): Promise<Transaction>;
  setAccount(accountId: string, change: z.input<typeof AccountBody>): Promise<Account>;
  /** null puts the asset (`USDT.ethereum`, `USD`) back to plenty. */
  setBalance(accountId: string, asset: string, available: string | null): Promise<Account>;
  deactivateAccount(accountId: string, refusalCode?: string): Promise<Account>;
  activateAccount(accountId: string): Promise<Account>;
  deliveries(): Promise<Delivery[]>;
  /** Sends a made-up webhook once and returns what the receiver answered. */
  sendWebhook(webhook: z.input<typeof WebhookBody>): Promise<Sent>;
  /** Moves the simulator's clock away from the machine's; whatever falls due by that happens. */
  setClock(offsetMs: number): Promise<void>;
};

type Ask = <T>(method: string, path: string, body?: unknown) => Promise<T>;

function createAsk(origin: string): Ask {
  return async function ask<T>(method: string, path: string, body?: unknown): Promise<T> {
    const reply = await fetch(`${origin}/_sim${path}`, {
      method,
      ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    });
    const text = await reply.text();
    if (!reply.ok) throw new Error(`simulator control ${method} ${path}: ${reply.status} ${text}`);
    const parsed: T = JSON.parse(text);
    return parsed;
  };
}

function queryOf(fields: Record<string, string | number | undefined>): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(fields)) if (value !== undefined) query.set(name, String(value));
  return query.toString();
}

function requestPath({ operation, pair, sinceMs, untilMs }: RequestFilter, skip?: number): string {
  return `/requests?${queryOf({ operation, pair, since: sinceMs, until: untilMs, skip })}`;
}

/** Page by page: whoever counts them must not be shown the latest alone. */
async function allRequests(ask: Ask, filter: RequestFilter): Promise<SeenRequest[]> {
  const all: SeenRequest[] = [];
  for (;;) {
    const { total, requests, forgottenUntilMs } = await ask<RequestPage>('GET', requestPath(filter, all.length));
    if (forgottenUntilMs !== null && (filter.sinceMs ?? 0) <= forgottenUntilMs)
      throw new Error(`the simulator has forgotten the requests until ${new Date(forgottenUntilMs).toISOString()}`);
    all.push(...requests);
    if (all.length >= total) return all;
    if (requests.length === 0) throw new Error(`the simulator shows ${all.length} of ${total} requests`);
  }
}

/** `baseUrl` is the simulator's origin, with or without `/v2` or a trailing slash. */
export function createSimulatorControl(baseUrl: string): SimulatorControl {
  const ask = createAsk(new URL(baseUrl).origin);
  const orderPath = (order: string, act = ''): string => `/orders/${encodeURIComponent(order)}${act}`;
  const setAccount: SimulatorControl['setAccount'] = (id, change) => ask('PUT', `/accounts/${id}`, change);
  const scriptRates: SimulatorControl['scriptRates'] = async (pair, spec) => {
    await ask('PUT', '/rates', { [pair]: spec });
  };

  return {
    setRate: scriptRates,
    scriptRates,
    replayEcb: async (replay) => void (await ask('PUT', '/ecb', replay)),
    rates: () => ask('GET', '/rates'),
    setKnobs: (knobs) => ask('PATCH', '/knobs', knobs),
    knobs: () => ask('GET', '/knobs'),
    armFault: async (...rules) => (await ask<{ ids: string[] }>('POST', '/faults', rules)).ids,
    faults: async () => (await ask<{ faults: ArmedRule[] }>('GET', '/faults')).faults,
    clearFaults: async (id) => void (await ask('DELETE', id === undefined ? '/faults' : `/faults/${id}`)),
    seed: async (seed) => void (await ask('PUT', '/seed', { seed })),
    requestCounts: async (filter = {}) =>
      (await ask<{ counts: Record<string, number> }>('GET', requestPath(filter))).counts,
    requests: (filter = {}) => allRequests(ask, filter),
    async ledger({ event, ...rest } = {}) {
      const query = queryOf({ ...rest, event: event === undefined ? undefined : [event].flat().join() });
      return (await ask<{ entries: Recorded[] }>('GET', `/ledger?${query}`)).entries;
    },
    order: (order) => ask('GET', orderPath(order)),
    settle: (order) => ask('POST', orderPath(order, '/settle')),
    failOrder: (order, failure = {}) => ask('POST', orderPath(order, '/fail'), failure),
    cancelAsOther: (order) => ask('POST', orderPath(order, '/cancel')),
    holdSettlement: (order, held) => ask('POST', orderPath(order, '/hold'), { held }),
    setTransaction: (id, change) => ask('PATCH', `/transactions/${id}`, change),
    setAccount,
    setBalance: (id, asset, available) => setAccount(id, { balances: { [asset]: available } }),
    deactivateAccount: (id, refusalCode) =>
      setAccount(id, { active: false, ...(refusalCode === undefined ? {} : { refusalCode }) }),
    activateAccount: (id) => setAccount(id, { active: true }),
    deliveries: async () => (await ask<{ deliveries: Delivery[] }>('GET', '/deliveries')).deliveries,
    sendWebhook: (webhook) => ask('POST', '/webhooks', webhook),
    setClock: async (offsetMs) => void (await ask('PUT', '/clock', { offsetMs })),
  };
}
