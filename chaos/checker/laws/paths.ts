// I8 and I11: one path through the states, told without a gap, and never shown backwards.
import type { ClientOperation } from '../../evidence/history.ts';
import { type Evidence, groupBy, isTerminal } from '../evidence.ts';
import type { EventRow, OrderRow } from '../rows.ts';
import { operationsOf } from '../told.ts';
import { broken, type Violation } from '../verdict.ts';

const EDGES = new Set(
  [
    'accepted>watching accepted>cancelled accepted>expired accepted>failed',
    'watching>executing watching>executed watching>cancelled watching>expired watching>failed',
    'executing>executed executing>watching executing>expired executing>failed',
  ].flatMap((line) => line.split(' ')),
);

export function judgePaths(evidence: Evidence): Violation[] {
  const events = groupBy(evidence.events, ({ orderId }) => orderId);
  const shown = groupBy(operationsOf(evidence).flatMap(asView), ({ orderId }) => orderId);
  return evidence.orders.flatMap((order) => {
    const path = (events.get(order.orderId) ?? []).toSorted((a, b) => a.number - b.number);
    return [
      ...judgeNumbers(order, path),
      ...judgePath(order, path),
      ...judgeShown(order, path, shown.get(order.orderId) ?? []),
    ];
  });
}

/** Numbered from 1 without a gap, and what follows from the last one is the row. */
function judgeNumbers({ orderId, version, status, reason }: OrderRow, path: readonly EventRow[]): Violation[] {
  const violations: Violation[] = [];
  const numbers = path.map(({ number }) => number);
  const last = path.at(-1);
  if (numbers.some((number, index) => number !== index + 1))
    violations.push(broken('I11', orderId, `its events are numbered ${numbers.join(' ')}`));
  if (last?.number !== version || last.status !== status)
    violations.push(
      broken('I11', orderId, `its events end at ${last?.number} ${last?.status}, its row is at ${version} ${status}`),
    );
  else if (last.reason !== reason)
    violations.push(broken('I11', orderId, `its events end for ${last.reason}, its row says ${reason}`));
  return violations;
}

function judgePath({ orderId }: OrderRow, path: readonly EventRow[]): Violation[] {
  const [first] = path;
  const violations: Violation[] = [];
  if (first && first.status !== 'accepted') violations.push(broken('I8', orderId, `it began ${first.status}`));
  path.forEach(({ status, event }, index) => {
    const before = path[index - 1]?.status;
    if (before === undefined) return;
    if (before !== status && !EDGES.has(`${before}>${status}`))
      violations.push(broken('I8', orderId, `it went from ${before} to ${status}`));
    if (before === status && isTerminal(before))
      violations.push(broken('I8', orderId, `${event} came after it was ${before}`));
  });
  return violations;
}

/** An answer that showed how far an order had come. */
interface View {
  readonly orderId: string;
  readonly operation: string;
  readonly client: string;
  readonly beganAt: number;
  readonly endedAt: number;
  readonly status: string;
  readonly version: number;
}

function asView({ orderId, operation, client, beganAt, endedAt, shown, answer }: ClientOperation): View[] {
  const listed = operation === 'events' ? lastOf(answer) : undefined;
  const seen = shown ?? (listed && { status: String(listed['status']), version: Number(listed['number']) });
  return orderId === null || !seen ? [] : [{ orderId, operation, client, beganAt, endedAt, ...seen }];
}

/** The newest event of a list. Of a long story a page shows no more than its beginning: a later version is not asked of it. */
function lastOf(answer: unknown): Readonly<Record<string, unknown>> | undefined {
  const { events, next_after: next } = (answer ?? {}) as { events?: unknown; next_after?: unknown };
  return Array.isArray(events) && next === null ? (events.at(-1) as Readonly<Record<string, unknown>>) : undefined;
}

function judgeShown({ orderId }: OrderRow, path: readonly EventRow[], views: readonly View[]): Violation[] {
  const violations: Violation[] = [];
  for (const { status, version, operation, beganAt, client } of views) {
    const event = path.find(({ number }) => number === version);
    if (event?.status !== status)
      violations.push(broken('I8', orderId, `${operation} showed ${status} as version ${version}`));
    const newest = views.reduce((most, view) => (view.endedAt < beganAt ? Math.max(most, view.version) : most), 0);
    if (version < newest)
      violations.push(broken('I8', orderId, `${client} was shown version ${version} after ${newest} was shown`));
  }
  return violations;
}
