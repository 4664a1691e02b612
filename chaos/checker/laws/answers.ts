// What the customers were shown: the order that they asked about, its terms, its money and its story, as they are kept. I8 to I11.
import type { ClientOperation } from '../../evidence/history.ts';
import { compare, type Exact, exact, isPlain, isSame, quotient } from '../decimals.ts';
import { type Evidence, groupBy, isTerminal } from '../evidence.ts';
import type { AttemptRow, EventRow, OrderRow } from '../rows.ts';
import { operationsOf } from '../told.ts';
import { broken, type Invariant, type Violation } from '../verdict.ts';

type Said = Readonly<Record<string, unknown>>;

export function judgeAnswers(evidence: Evidence): Violation[] {
  const orders = new Map(evidence.orders.map((order) => [order.orderId, order]));
  const attempts = groupBy(evidence.attempts, ({ orderId }) => orderId);
  const events = groupBy(evidence.events, ({ orderId }) => orderId);
  return operationsOf(evidence).flatMap((call) => {
    // Who writes down no header at all has not looked for it.
    if (call.status === 503 && call.retryAfter !== undefined && !/^\d+$/.test(call.retryAfter ?? ''))
      return [broken('I14', call.orderId, `${call.operation} was answered 503 without a time to come back`)];
    if (call.status === null || call.status >= 300) return [];
    if (call.operation === 'events') return judgeStory(call, events.get(call.orderId ?? '') ?? []);
    return judgeOrder(call, orders, attempts.get(call.orderId ?? '') ?? []);
  });
}

function judgeOrder(
  call: ClientOperation,
  orders: ReadonlyMap<string, OrderRow>,
  attempts: readonly AttemptRow[],
): Violation[] {
  const { operation, orderId, status, userId } = call;
  const view = objectOf(call.answer);
  const shownId = view['order_id'];
  // Who writes down no answer has looked into it.
  if (call.answer === undefined && call.shown) return [];
  if (typeof shownId !== 'string' || typeof view['version'] !== 'number')
    return [
      broken(operation === 'create' ? 'I6' : 'I8', orderId, `${operation} was answered ${status} without an order`),
    ];
  if (shownId !== orderId) {
    const isOwn = orders.get(shownId)?.userId === userId;
    return [broken(isOwn ? 'I8' : 'I10', orderId, `${operation} of it was answered with ${shownId}`)];
  }
  const row = orders.get(shownId);
  if (!row) return [];
  return [...judgeTermsShown(call, view, row), ...judgeMoneyShown(call, view, attempts)];
}

/** What never changes is shown as it is kept; what is set once, as it was set or not yet. */
function judgeTermsShown({ operation }: ClientOperation, view: Said, row: OrderRow): Violation[] {
  const fields: readonly (readonly [Invariant, string, boolean])[] = [
    ['I10', 'user_id', view['user_id'] === row.userId],
    ['I6', 'idempotency_key', view['idempotency_key'] === row.idempotencyKey],
    ['I6', 'direction', view['direction'] === row.direction],
    ['I6', 'pair', view['pair'] === row.pair],
    ['I6', 'expires_at', isTime(view['expires_at'], row.expiresAt)],
    ['I9', 'amount', isDecimal(view['amount'], row.amount)],
    ['I9', 'target_rate', isDecimal(view['target_rate'], row.targetRate)],
    ['I9', 'floor_rate', isDecimal(view['floor_rate'], row.floorRate)],
    ['I8', 'created_at', isTime(view['created_at'], row.createdAt)],
    [
      'I8',
      'cancel_refused_at',
      view['cancel_refused_at'] === null || isTime(view['cancel_refused_at'], row.cancelRefusedAt),
    ],
    ['I8', 'closed_at', isTime(view['closed_at'], isTerminal(String(view['status'])) ? row.closedAt : null)],
  ];
  return fields
    .filter(([, , isKept]) => !isKept)
    .map(([invariant, name]) =>
      broken(invariant, row.orderId, `${operation} showed ${name} ${JSON.stringify(view[name]) ?? 'not at all'}`),
    );
}

const DECIMALS = ['trigger_rate', 'last_look_rate', 'all_in_rate'] as const;
const IDS = ['conduit_order_id', 'conduit_transaction_id'] as const;
const MONEY = ['locked_debit', 'locked_recipient', 'settled_debit', 'settled_recipient'] as const;
const RATE_PLACES = 18;

/** All that is shown of money is one attempt's, and the rate follows from its amounts. */
function judgeMoneyShown({ operation }: ClientOperation, view: Said, attempts: readonly AttemptRow[]): Violation[] {
  const orderId = String(view['order_id']);
  const found = (invariant: Invariant, text: string) => broken(invariant, orderId, `${operation} showed ${text}`);
  const floats = [...DECIMALS, ...MONEY].filter((name) => view[name] !== null && !isPlain(view[name]));
  if (floats.length > 0) return floats.map((name) => found('I9', `${name} ${JSON.stringify(view[name])}, no decimal`));
  const shown = [...IDS, ...MONEY].filter((name) => view[name] !== null);
  const fitting = attempts.filter((attempt) => shown.every((name) => isOfAttempt(name, view[name], attempt)));
  if (shown.length > 0 && fitting.length === 0)
    return [found('I7', `what is of no attempt: ${shown.map((name) => `${name} ${String(view[name])}`).join(', ')}`)];
  const rate = view['all_in_rate'];
  const violations: Violation[] = [];
  if (isPlain(rate) && !fitting.some((attempt) => ratesOf(attempt).some((due) => compare(exact(rate), due) === 0)))
    violations.push(found('I9', `all_in_rate ${rate}, which follows from no amounts`));
  const isWhole = ['conduit_order_id', 'settled_debit', 'settled_recipient'].every((name) => isPresent(view[name]));
  if (view['status'] === 'executed' && !isWhole) violations.push(found('I7', 'executed, and not what was moved'));
  return violations;
}

function isOfAttempt(name: string, value: unknown, attempt: AttemptRow): boolean {
  if (name === 'conduit_order_id') return value === attempt.conduitOrderId;
  if (name === 'conduit_transaction_id') return value === attempt.conduitTransactionId;
  const { lockedDebit, lockedRecipient, settledDebit, settledRecipient } = attempt;
  const kept: Readonly<Record<string, string | null>> = {
    locked_debit: lockedDebit,
    locked_recipient: lockedRecipient,
    settled_debit: settledDebit,
    settled_recipient: settledRecipient,
  };
  return isDecimal(value, kept[name] ?? null);
}

/** Settled, else locked, else quoted: which of them, hangs on when it was shown. */
function ratesOf(attempt: AttemptRow): Exact[] {
  const { settledDebit, settledRecipient, lockedDebit, lockedRecipient, quotedDebit, quotedRecipient } = attempt;
  const pairs = [
    [settledDebit, settledRecipient],
    [lockedDebit, lockedRecipient],
    [quotedDebit, quotedRecipient],
  ] as const;
  return pairs.flatMap(([debit, recipient]) =>
    debit === null || recipient === null ? [] : [quotient(exact(recipient), exact(debit), RATE_PLACES)],
  );
}

/** The events that were listed are those that are kept, from the first on, each as it is. */
function judgeStory(call: ClientOperation, story: readonly EventRow[]): Violation[] {
  const { orderId, status } = call;
  const { order_id: shownId, events } = objectOf(call.answer);
  if (!Array.isArray(events) || events.length === 0)
    return [broken('I11', orderId, `events was answered ${status} without any`)];
  if (shownId !== orderId) return [broken('I8', orderId, `events of it was answered with those of ${String(shownId)}`)];
  return events.flatMap((event, index) => {
    const said = objectOf(event);
    const kept = story.find(({ number }) => number === index + 1);
    const isKept =
      kept !== undefined &&
      said['number'] === kept.number &&
      said['event'] === kept.event &&
      said['status'] === kept.status &&
      said['reason'] === kept.reason &&
      said['actor'] === kept.actor &&
      said['attempt'] === kept.attempt &&
      isTime(said['occurred_at'], kept.occurredAt);
    const listed = `${String(said['number'])} ${String(said['event'])}`;
    return isKept ? [] : [broken('I11', orderId, `events listed ${listed} in place of ${index + 1} ${kept?.event}`)];
  });
}

function objectOf(value: unknown): Said {
  return typeof value === 'object' && value !== null ? (value as Said) : {};
}

const isPresent = (value: unknown) => value !== null && value !== undefined;

/** Null where nothing is kept, else the same number. */
function isDecimal(value: unknown, kept: string | null): boolean {
  if (kept === null || value === null) return value === kept;
  return isPlain(value) && isSame(value, kept);
}

function isTime(value: unknown, at: number | null): boolean {
  return at === null ? value === null : typeof value === 'string' && Date.parse(value) === at;
}
