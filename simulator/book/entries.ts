import type { Asset, Money } from '../core/assets.ts';
import type { Fee, LockSide, Priced, Rate } from '../core/pricing.ts';

/** One option of a quote, as it can be redeemed. */
export type Option = {
  id: string;
  quoteId: string;
  source: Asset;
  destination: Asset;
  lockSide: LockSide;
  expiresAt: string;
  priced: Priced;
};

type WalletSide = { type: 'wallet'; id: string; asset: Asset };
export type Side = WalletSide | { type: 'virtual_account'; id: string };
type OrderStatus = 'pending' | 'succeeded' | 'failed' | 'cancelled';
export type OrderType = 'onramp' | 'offramp' | 'conversion' | 'fiat_conversion';

/** An order exactly as the wire shows it. */
export type Order = {
  id: string;
  customerId: string | null;
  status: OrderStatus;
  type: OrderType;
  source: Side;
  destination: Side;
  sourceAsset: Money;
  destinationAsset: Money;
  lockSide: LockSide;
  rate: Rate;
  fees: Fee[];
  totalDebit: Money;
  lockExpiresAt: string;
  createdAt: string;
  autoExecute: boolean;
  linkedTransactionIds: string[];
  clientReferenceId?: string;
  quoteOptionId?: string;
  executionTrigger?: 'client' | 'auto';
  executedAt?: string;
  failureCode?: string;
  failureMessage?: string;
  cancellationReason?: 'expired' | 'client_cancelled';
  cancelledAt?: string;
};

export type TransactionStatus = 'pending' | 'processing' | 'completed' | 'failed' | 'cancelled';
export type Transaction = {
  id: string;
  customerId: string | null;
  type: OrderType;
  status: TransactionStatus;
  stage?: 'settling';
  hasRfi: false;
  fees: Fee[];
  source: Side & { assetAmount: Money };
  destination: Side & { assetAmount: Money };
  conversionRate: string;
  linkedOrderId: string;
  createdAt: string;
  clientReferenceId?: string;
  completedAt?: string;
  failureCode?: string;
  failureMessage?: string;
};

/**
 * How a failure is to look: the order's code and text, and the states its linked transactions end in (none: []). `appears`: one more
 * that is linked only so long after the failure, and what it is then.
 */
export type Failure = {
  code: string;
  message: string;
  transactions: TransactionStatus[];
  appears?: { status: TransactionStatus; afterMs: number } | undefined;
};
/** What is to become of an order once it is claimed; times in milliseconds of the simulator's clock. */
export type Settlement = { held: boolean; failure?: Failure; transactionAtMs?: number; endsAtMs?: number };

export type Account = {
  id: string;
  customerId: string | null;
  active: boolean;
  /** The code that refuses an order on this account while it is inactive; by default it depends on the side. */
  refusalCode?: string;
  /** The asset texts that it takes orders for; any when there is none. */
  assets?: string[];
  /** Available amounts by asset text; an asset that is not listed is there in plenty. */
  balances: Record<string, string>;
};

export type Endpoint = {
  id: string;
  url: string;
  description: string | null;
  subscription: { mode: 'all' } | { mode: 'selected'; eventTypes: string[] };
  createdAt: string;
  updatedAt: string;
  secret: string;
  formerSecret?: { secret: string; untilMs: number };
};

export type WebhookEvent = {
  id: string;
  type: string;
  mode: 'sandbox';
  apiVersion: '2';
  createdAt: string;
  data: Record<string, unknown>;
};

/** Who changed an order: a caller of the API, the simulator's own rules, or an experimenter in somebody else's name. */
export type Actor = 'client' | 'auto' | 'sweep' | 'provider' | 'other';

export type OrderFact = {
  orderId: string;
  reference?: string;
  order: Order;
  by: Actor;
  /** Of a twin, in each of its facts: the order that it repeats. */
  twinOf?: string;
  /** In each of its facts: what is credited in the end, where the order prints more, from which a fee is still to be taken. */
  arrives?: Money;
};
type TransactionFact = { orderId: string; reference?: string; transaction: Transaction };
type RequestFact = {
  requestId: string;
  operation: string;
  orderId?: string;
  reference?: string;
  key?: string;
  quoteOptionId?: string;
};

/**
 * Everything the ledger can say. Facts that change the book carry the whole object as it is afterwards, so that reading
 * the file again is only putting each object in its place. `control.used` and the `request.*` facts are for auditors: the book ignores them.
 */
export type Entry =
  | { event: 'simulator.started'; timeScale: number }
  | ({ event: 'request.received' } & RequestFact)
  | ({
      event: 'request.answered';
      status: number | null;
      code?: string;
      outcome: 'done' | 'refused' | 'replayed' | 'kept_from_effect';
      faults: string[];
    } & RequestFact)
  | { event: 'quote.created'; quoteId: string; options: Option[] }
  | ({ event: 'order.created' | 'order.claimed' | 'order.succeeded' | 'order.failed' | 'order.cancelled' } & OrderFact)
  | ({ event: 'order.linked' | 'order.twinned' } & OrderFact)
  | { event: 'settlement.planned'; orderId: string; settlement: Settlement }
  | ({
      event:
        | 'transaction.created'
        | 'transaction.processing'
        | 'transaction.completed'
        | 'transaction.failed'
        | 'transaction.cancelled';
    } & TransactionFact)
  | { event: 'account.changed'; account: Account }
  | { event: 'idempotency.kept'; slot: string; fingerprint: string; status: number; body: unknown; keptAtMs: number }
  | { event: 'endpoint.saved'; endpoint: Endpoint }
  | { event: 'endpoint.deleted'; endpointId: string }
  | { event: 'webhook.emitted'; message: WebhookEvent; deliveries: { id: string; endpointId: string }[] }
  /** `swallowed`: a fault let Conduit believe that it was sent, and nobody received it. */
  | { event: 'delivery.ended'; deliveryId: string; status: 'succeeded' | 'failed'; attempts: number; swallowed?: true }
  | { event: 'control.used'; what: string; with: unknown };

/** `at` is the machine's own time, whatever the simulator's clock is told; `seq` counts from 1 without gaps. */
export type Recorded = Entry & { seq: number; at: string };
