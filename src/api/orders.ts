import { type Request, type Response, Router } from 'express';
import { z } from 'zod';
import type { OrderCache } from '../clients/redis-cache.ts';
import { type CancelResult, cancelOrder } from '../db/cancel.ts';
import { type Database, isDatabaseUnavailable } from '../db/client.ts';
import { type EventRow, listEvents } from '../db/events.ts';
import { loadOrderSnapshot, type OrderSnapshot } from '../db/order-snapshots.ts';
import { DomainError } from '../domain/errors.ts';
import { isUuid } from '../domain/ids.ts';
import type { Timing } from '../domain/timing.ts';
import type { Metrics } from '../metrics.ts';
import type { AcceptedOrder } from './accept-order.ts';
import { actsFor, authenticate, authenticateReader } from './auth.ts';
import type { CreateOrder } from './create-order.ts';
import { parseCreateOrder } from './create-order.ts';
import { readJsonBody } from './json-body.ts';
import { orderView, showTime } from './order-view.ts';

export interface OrdersDeps {
  readonly db: Database;
  readonly orderCache: OrderCache<OrderSnapshot>;
  readonly acceptOrder: (wanted: CreateOrder) => Promise<AcceptedOrder>;
  readonly timing: Timing;
  readonly metrics: Metrics;
}

const BODY_LIMIT = '16kb';
const EVENTS_PER_PAGE = 100;
const MAX_EVENTS_PER_PAGE = 500;

/** Placing, reading and cancelling orders. */
export function ordersRouter(deps: OrdersDeps): Router {
  const { db, orderCache } = deps;
  const readBody = readJsonBody(BODY_LIMIT);

  async function create(req: Request, res: Response): Promise<void> {
    const wanted = parseCreateOrder(req.body);
    const principal = await authenticate(db, req.get('authorization'));
    if (!actsFor(principal, wanted.userId)) {
      const fields = [{ pointer: '/user_id', detail: 'is not the user that the key acts for' }];
      throw new DomainError('user_mismatch', 'the key acts for another user', { fields });
    }
    const { order, replayed } = await deps.acceptOrder(wanted);
    res.locals['orderId'] = order.id;
    if (!replayed)
      req.log.info({ event: 'order_accepted', order_id: order.id, status: order.status }, 'order accepted');
    await orderCache.write(order);
    if (replayed) res.set('Idempotency-Replayed', 'true');
    res
      .status(replayed ? 200 : 201)
      .location(`/orders/${order.id}`)
      .json(orderView(order));
  }

  async function show(req: Request, res: Response): Promise<void> {
    res.json(orderView(await readOrder(req, res, { mayBeCached: true })));
  }

  async function showEvents(req: Request, res: Response): Promise<void> {
    const { after, limit } = parsePage(req.query);
    const { id } = await readOrder(req, res, { mayBeCached: true });
    const events = await listEvents(db, id, after, limit);
    const last = events.length === limit ? events.at(-1) : undefined;
    res.json({ order_id: id, events: events.map(eventView), next_after: last?.number ?? null });
  }

  async function cancel(req: Request, res: Response): Promise<void> {
    const before = await readOrder(req, res, { mayBeCached: false });
    const cancelled = await cancelOrder(db, before.id, 'api', deps.timing);
    if (!cancelled) throw notFound();
    if (cancelled.isNew) deps.metrics.orders.inc({ outcome: 'cancelled' });
    req.log.info(
      { event: 'order_cancel_answered', order_id: before.id, status: cancelled.order.status, code: cancelled.answer },
      `cancel: ${cancelled.answer}`,
    );
    const order = await readAfterCancel(before, cancelled);
    await orderCache.write(order);
    const { answer } = cancelled;
    if (answer !== 'cancelled') {
      const detail =
        answer === 'too_late' ? 'an execution may be on its way; the cancel is remembered' : 'nothing was changed';
      throw new DomainError(answer, `the order is ${order.status}; ${detail}`, { orderStatus: cancelled.order.status });
    }
    res.json(orderView(order));
  }

  /** The order, if the key may see it. An unknown order and another user's get the same answer, so that ids cannot be probed. */
  async function readOrder(
    req: Request,
    res: Response,
    { mayBeCached }: { mayBeCached: boolean },
  ): Promise<OrderSnapshot> {
    const id = parseOrderId(req.params['id']);
    const reader = await authenticateReader(db, req.get('authorization'), id);
    const cached = mayBeCached && reader.orderVersion !== null ? await orderCache.read(id) : null;
    // A Redis that was away while the order went on still holds what it was before: no answer may contradict a later one.
    const isPresent = cached !== null && cached.version === reader.orderVersion;
    const order = isPresent ? cached : await loadOrderSnapshot(db, id);
    if (!order || !actsFor(reader, order.userId)) throw notFound();
    res.locals['orderId'] = id;
    if (mayBeCached && !isPresent) await orderCache.write(order);
    return order;
  }

  /** The answer is definite once its transaction has committed: a read that fails after it must not hide it. */
  async function readAfterCancel(before: OrderSnapshot, { order }: CancelResult): Promise<OrderSnapshot> {
    try {
      return (await loadOrderSnapshot(db, before.id)) ?? before;
    } catch (error) {
      if (!isDatabaseUnavailable(error)) throw error;
      const { status, version, reason, cancelRefusedAt, updatedAt, closedAt } = order;
      return { ...before, status, version, reason, cancelRefusedAt, updatedAt, closedAt };
    }
  }

  return Router()
    .post('/orders', readBody, create)
    .post('/conditional-transfers', readBody, create)
    .get('/orders/:id', show)
    .get('/orders/:id/events', showEvents)
    .post('/orders/:id/cancel', cancel);
}

function notFound(): DomainError {
  return new DomainError('order_not_found', 'there is no such order, or it is not yours');
}

function parseOrderId(id: unknown): string {
  if (typeof id === 'string' && isUuid(id)) return id.toLowerCase();
  const fields = [{ parameter: 'id', detail: 'must be a UUID' }];
  throw new DomainError('validation_failed', 'the order id in the path is not a UUID', { fields });
}

/** Written plainly: coercion would read nothing as 0, and `1e2` or `0x64` as a hundred. */
function wholeNumber(min: number, max: number) {
  const message = `must be a whole number from ${min} to ${max}, given once`;
  return z
    .string({ error: message })
    .regex(/^\d{1,10}$/, message)
    .transform(Number)
    .refine((value) => value >= min && value <= max, message);
}

const PAGE = z.strictObject({
  after: wholeNumber(0, 2_147_483_647).default(0),
  limit: wholeNumber(1, MAX_EVENTS_PER_PAGE).default(EVENTS_PER_PAGE),
});

function parsePage(query: unknown): z.infer<typeof PAGE> {
  const parsed = PAGE.safeParse(query);
  if (parsed.success) return parsed.data;
  const fields = parsed.error.issues.flatMap((issue) =>
    issue.code === 'unrecognized_keys'
      ? issue.keys.map((key) => ({ parameter: key, detail: 'is not a parameter of this page' }))
      : [{ parameter: String(issue.path[0]), detail: issue.message }],
  );
  throw new DomainError('validation_failed', 'the query has wrong parameters; each is named', { fields });
}

/** Of what stands with an event, what is the customer's business: not the name and the words of an operator. */
const SHOWN_DETAILS = [
  'rate',
  'quote',
  'quote_id',
  'quoted_rate',
  'trigger_rate',
  'key',
  'as',
  'conduit_order',
  'closed_attempt',
];

function eventView({ number, event, status, reason, actor, attempt, occurredAt, ...row }: EventRow) {
  const detail = Object.fromEntries(Object.entries(row.detail).filter(([name]) => SHOWN_DETAILS.includes(name)));
  return { number, event, status, reason, actor, attempt, detail, occurred_at: showTime(occurredAt) };
}
