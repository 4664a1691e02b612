// Rows as they were exported: decimals as text, times in milliseconds.

export interface OrderRow {
  readonly orderId: string;
  readonly userId: string;
  readonly status: string;
  readonly version: number;
  readonly pair: string;
  readonly amount: string;
  readonly targetRate: string;
  readonly direction: '>=' | '<=';
  readonly floorRate: string | null;
  readonly expiresAt: number;
  readonly idempotencyKey: string;
  readonly sourceAccount: string;
  readonly destinationAccount: string;
  readonly reason: string | null;
  readonly cancelRefusedAt: number | null;
  readonly createdAt: number;
  readonly closedAt: number | null;
}
export interface AttemptRow {
  readonly orderId: string;
  readonly attempt: number;
  readonly status: string;
  readonly reference: string;
  readonly quoteId: string;
  readonly quoteOptionId: string;
  readonly optionExpiresAt: number;
  readonly quotedDebit: string;
  readonly quotedRecipient: string;
  readonly conduitOrderId: string | null;
  readonly conduitTransactionId: string | null;
  readonly lockedDebit: string | null;
  readonly lockedRecipient: string | null;
  readonly lockExpiresAt: number | null;
  readonly settledDebit: string | null;
  readonly settledRecipient: string | null;
  readonly closedBy: 'fence' | 'reading' | null;
  readonly closedAt: number | null;
  readonly createdAt: number;
  readonly orphanUntil: number | null;
  readonly orphanClosedAt: number | null;
}
export interface SendRow {
  readonly sendId: string;
  readonly orderId: string;
  readonly attempt: number;
  readonly operation: 'create' | 'execute' | 'cancel';
  readonly idempotencyKey: string;
  readonly permittedAt: number;
  readonly outcome: string | null;
  readonly repliedAt: number | null;
}
export interface EventRow {
  readonly orderId: string;
  readonly number: number;
  readonly event: string;
  readonly status: string;
  readonly reason: string | null;
  readonly actor: string;
  readonly attempt: number | null;
  /** The quote of a look as `quote`, that of the creation as `quote_id`. */
  readonly detail: Readonly<Record<string, unknown>>;
  readonly occurredAt: number;
  /** Why a person was to be called. */
  readonly pages: readonly string[];
}
export interface MessageRow {
  readonly topic: string;
  readonly payload: { readonly order_id?: string; readonly version?: number; readonly event_id?: string };
  readonly publishedAt: number | null;
}
export interface InboxRow {
  readonly eventId: string;
  readonly type: string;
  readonly orderId: string | null;
}
export interface KeyRow {
  readonly userId: string;
  readonly key: string;
  readonly orderId: string;
}
export interface ObservationRow {
  readonly pair: string;
  readonly quoteId: string;
  readonly observedAt: number;
}
export interface PauseRow {
  readonly scope: string;
  readonly reason: string;
}
/** Whose a wallet or virtual account is. */
export interface OwnerRow {
  readonly accountId: string;
  readonly userId: string;
}
/** A message that was put aside, as it lay there at rest. */
export interface DeadLetterRow {
  readonly topic: string;
  /** Null where it is nobody's word but the broker's, which had delivered it often enough. */
  readonly reason: string | null;
  readonly data: string;
}
/** What a process said of itself at rest, in Prometheus' text. */
export interface MetricsText {
  readonly name: string;
  readonly text: string;
}
/** What a process holds open at rest. */
export interface HandlesRow {
  readonly name: string;
  /** Null where the system does not tell. */
  readonly openFiles: number | null;
  /** What PostgreSQL counts for all processes of its kind. */
  readonly sessions: number;
}
