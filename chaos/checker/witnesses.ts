// What the witnesses outside our database say: the provider's ledger and its list of requests, Temporal, and the experiment itself.

interface Money {
  readonly amount: string;
}

/** An order as the provider holds it. */
interface HeldOrder {
  readonly id: string;
  readonly status: string;
  readonly totalDebit: Money;
  readonly destinationAsset: Money;
  readonly lockExpiresAt: string;
  readonly source: { readonly id: string };
  readonly destination: { readonly id: string };
  readonly quoteOptionId?: string;
  readonly failureCode?: string | null;
}

/** A fact of the provider's ledger; `at` is its machine's time. */
export interface Fact {
  readonly seq: number;
  readonly at: string;
  readonly event: string;
  readonly orderId?: string;
  readonly reference?: string;
  readonly operation?: string;
  readonly key?: string;
  readonly outcome?: string;
  /** Of an answer that refuses: the provider's word for it. */
  readonly code?: string;
  readonly requestId?: string;
  /** Of a second order that a fault made under the reference of a first one. */
  readonly twinOf?: string;
  /** What is credited in the end, where the order prints more. */
  readonly arrives?: Money;
  readonly order?: HeldOrder;
  /** Of a quote that was made. */
  readonly quoteId?: string;
  /** Who changed it. */
  readonly by?: string;
  readonly options?: readonly {
    readonly id: string;
    readonly expiresAt: string;
    readonly priced: { readonly totalDebit: Money };
  }[];
  readonly message?: { readonly id: string; readonly type: string };
  readonly deliveries?: readonly { readonly id: string }[];
  readonly deliveryId?: string;
  /** Of a delivery that the provider only believes it made. */
  readonly swallowed?: true;
  /** How a delivery ended; of a reply it is a number. */
  readonly status?: string | number | null;
  /** What was done at the control desk. */
  readonly what?: string;
  readonly with?: unknown;
}

/** A call as it arrived at the provider. */
export interface Request {
  readonly atMs: number;
  readonly operation: string;
  readonly pair?: string;
  readonly reference?: string;
  readonly orderId?: string;
  readonly key?: string;
  readonly status?: number | null;
  /** Of an answer that refuses: the provider's word for it. */
  readonly code?: string;
  readonly retryAfter?: string;
}

export interface RunEvent {
  readonly eventId: string;
  readonly eventTime: string;
  readonly eventType: string;
  readonly workflowTaskFailedEventAttributes?: {
    readonly cause?: string;
    readonly failure?: { readonly message?: string };
    /** `<pid>@<host>` of the worker. */
    readonly identity?: string;
  };
  readonly workflowTaskTimedOutEventAttributes?: { readonly timeoutType?: string };
  readonly workflowExecutionCompletedEventAttributes?: {
    readonly result?: { readonly payloads?: readonly { readonly data?: string }[] };
  };
}

export interface Run {
  readonly runId: string;
  readonly status: string;
  readonly closedAt: string | null;
  readonly events: readonly RunEvent[];
}

export interface RunsOfOrder {
  readonly orderId: string;
  readonly runs: readonly Run[];
}

/** Of whatever else ran: watchers, repair, what somebody began by hand. */
export interface OtherRuns {
  readonly workflowId: string;
  readonly runs: readonly Run[];
}

export interface Meta {
  readonly experiments: readonly string[];
  readonly seed: number;
  readonly timeScale: number;
  readonly sendMarginMs: number;
  readonly quoteMarginMs: number;
  readonly httpDeadlineMs: number;
  readonly refreshMs: number;
  /** What the workers may ask of the provider in a second. */
  readonly callsPerSecond: number;
  /** How many attempts an order has in an hour. */
  readonly attemptsPerHour: number;
  /** How far ahead an expiry must be. */
  readonly minExpiryMs: number;
  /** How far below its target the floor of a `<=` order lies. */
  readonly maxStopGapBps: number;
  /** How many orders the experiments were to place. */
  readonly planned: number;
  /** The idempotency keys of those that are met when they are placed, and outlive whatever is broken. */
  readonly patient: readonly string[];
  readonly beganAt: number;
  readonly healedAt: number;
  readonly rested: boolean;
  readonly recoveryMs: number | null;
  readonly secrets: readonly string[];
  readonly accounts: readonly string[];
}
