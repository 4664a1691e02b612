import type { AccountKind, Accounts } from '../book/accounts.ts';
import type { Orders } from '../book/orders.ts';
import type { Quotes } from '../book/quotes.ts';
import type { KnobBoard } from '../core/knobs.ts';
import type { Twists } from '../faults/twists.ts';
import type { Deliveries } from '../webhooks/deliveries.ts';
import type { Endpoints } from '../webhooks/endpoints.ts';
import { EVENT_TYPES } from '../webhooks/event-types.ts';
import { checkedId, EmptyBody, parseBody, QuoteBody } from './bodies.ts';
import type { Lookups } from './lookups.ts';
import type { Operation } from './operations.ts';
import { page } from './pages.ts';
import { Problem } from './problem.ts';
import type { Sandbox } from './sandbox.ts';

type Call = { params: Record<string, string>; query: URLSearchParams; body: unknown; twists: Twists };
export type Reply = { status: number; body?: unknown };

/** Synchronous, so that what it checks still holds when it writes. Throws a Problem for a refusal. */
type Handler = (call: Call) => Reply;

export type Route = {
  method: string;
  /** Under /v2, with `:name` for a part that is a parameter. */
  path: string;
  operation: Operation;
  handle: Handler;
};

export type RoutesDeps = {
  knobs: KnobBoard;
  quotes: Quotes;
  orders: Orders;
  accounts: Accounts;
  lookups: Lookups;
  endpoints: Endpoints;
  deliveries: Deliveries;
  sandbox: Sandbox;
};

/** `on('GET /orders/:id', …)` */
function on(target: `${string} /${string}`, operation: Operation, handle: Handler): Route {
  const [method = '', path = ''] = target.split(' ');
  return { method, path, operation, handle };
}

function ok(body: unknown): Reply {
  return { status: 200, body };
}

function accepted(body: unknown): Reply {
  return { status: 202, body };
}

function created(body: unknown): Reply {
  return { status: 201, body };
}

function param(call: Call, name: string): string {
  return call.params[name] ?? '';
}

function id(call: Call): string {
  return param(call, 'id');
}

function refuseBody(call: Call): void {
  parseBody(EmptyBody, call.body ?? {});
}

function moneyRoutes({ quotes, orders, lookups }: RoutesDeps): Route[] {
  return [
    on('POST /quotes', 'quotes.create', ({ body, twists }) =>
      created(quotes.create(parseBody(QuoteBody, body), twists)),
    ),
    on('POST /orders', 'orders.create', ({ body, twists }) => accepted(orders.create(body, twists))),
    on('GET /orders', 'orders.list', ({ query, twists }) => ok(lookups.orders(query, twists.lookup))),
    on('GET /orders/:id', 'orders.get', (call) => ok(lookups.order(id(call), call.twists.lookup))),
    on('POST /orders/:id/execute', 'orders.execute', (call) => {
      refuseBody(call);
      return accepted(orders.execute(id(call), call.twists));
    }),
    on('POST /orders/:id/cancel', 'orders.cancel', (call) => {
      refuseBody(call);
      return ok(orders.cancel(id(call)));
    }),
    on('GET /transactions', 'transactions.list', ({ query, twists }) => ok(lookups.transactions(query, twists.lookup))),
    on('GET /transactions/:id', 'transactions.get', (call) => ok(lookups.transaction(id(call), call.twists.lookup))),
  ];
}

const ACCOUNT_PATHS = {
  wallet: { folder: 'wallets', prefix: 'wlt', list: 'wallets.list', get: 'wallets.get' },
  virtual_account: {
    folder: 'virtual-accounts',
    prefix: 'vac',
    list: 'virtual_accounts.list',
    get: 'virtual_accounts.get',
  },
} as const;

/**
 * Accounts of one kind: a customer's list, one of a customer, and one by its id alone, by which a client finds out whether
 * an account still takes orders. The list knows only accounts that were told to belong to the customer.
 */
function accountRoutes({ accounts, knobs }: RoutesDeps, kind: AccountKind): Route[] {
  const { folder, prefix, list, get } = ACCOUNT_PATHS[kind];
  const one = (call: Call) => accounts.view(kind, accounts.lookUp(checkedId(prefix, id(call))));
  const refuseUndocumented = (): void => {
    const isServed = knobs.get().accountEndpoints === 'all';
    if (!isServed) throw new Problem('NOT_FOUND', "only a customer's virtual accounts can be read");
  };
  return [
    on(`GET /customers/:customer/${folder}`, list, (call) => {
      if (kind === 'wallet') refuseUndocumented();
      const customerId = checkedId('cus', param(call, 'customer'));
      const views = accounts.ofCustomer(kind, customerId).map((account) => accounts.view(kind, account));
      return ok(page(views, call.query));
    }),
    on(`GET /customers/:customer/${folder}/:id`, get, (call) => {
      if (kind === 'wallet') refuseUndocumented();
      const customerId = checkedId('cus', param(call, 'customer'));
      const shown = one(call);
      const isForeign = shown.customerId !== null && shown.customerId !== customerId;
      if (isForeign) throw new Problem('NOT_FOUND', 'the customer has no such account');
      return ok({ ...shown, customerId });
    }),
    on(`GET /${folder}/:id`, get, (call) => {
      refuseUndocumented();
      return ok(one(call));
    }),
  ];
}

function webhookRoutes({ endpoints, deliveries }: RoutesDeps): Route[] {
  return [
    on('POST /webhooks/endpoints', 'webhooks.create', ({ body }) => created(endpoints.create(body))),
    on('GET /webhooks/endpoints', 'webhooks.list', ({ query }) => ok(page(endpoints.list(), query))),
    on('GET /webhooks/endpoints/:id', 'webhooks.get', (call) => ok(endpoints.get(id(call)))),
    on('PATCH /webhooks/endpoints/:id', 'webhooks.update', (call) => ok(endpoints.update(id(call), call.body))),
    on('DELETE /webhooks/endpoints/:id', 'webhooks.delete', (call) => {
      endpoints.remove(id(call));
      return { status: 204 };
    }),
    on('POST /webhooks/endpoints/:id/rotate', 'webhooks.rotate', (call) => {
      refuseBody(call);
      return ok(endpoints.rotate(id(call)));
    }),
    on('GET /webhooks/event-types', 'webhooks.event_types', () => ok({ data: EVENT_TYPES })),
    on('POST /webhooks/deliveries/:id/retry', 'webhooks.retry', (call) => {
      const deliveryId = checkedId('wdl', id(call));
      if (!deliveries.retry(deliveryId)) throw new Problem('NOT_FOUND', `there is no delivery ${deliveryId}`);
      return accepted({ id: deliveryId, status: 'pending' });
    }),
  ];
}

function sandboxRoutes({ sandbox }: RoutesDeps): Route[] {
  const act = (path: string, handle: (call: Call) => unknown): Route =>
    on(`POST /sandbox${path}`, 'sandbox', (call) => accepted(handle(call)));
  return [
    act('/orders/:id/simulate/conversion-failed', (call) => sandbox.failConversion(id(call), call.body)),
    act('/orders/:id/simulate/rate-lock-expired', (call) => sandbox.expireLock(id(call))),
    act('/transactions/:id/simulate/terminal', (call) => sandbox.endTransaction(id(call), call.body)),
    act('/customers/:customer/virtual-accounts/:id/deposits/simulate', (call) =>
      sandbox.deposit('vac', id(call), call.body),
    ),
    act('/customers/:customer/wallets/:id/deposits/simulate', (call) => sandbox.deposit('wlt', id(call), call.body)),
  ];
}

/** Every route under /v2. */
export function createRoutes(deps: RoutesDeps): Route[] {
  return [
    ...moneyRoutes(deps),
    ...accountRoutes(deps, 'virtual_account'),
    ...accountRoutes(deps, 'wallet'),
    ...webhookRoutes(deps),
    ...sandboxRoutes(deps),
  ];
}
