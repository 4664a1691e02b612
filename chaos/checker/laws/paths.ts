// I8 and I11: one path through the states, told without a gap, and never shown backwards.
import type { ClientOperation } from '../../evidence/history.ts';
import { type EventRow, type Evidence, groupBy, isTerminal, type OrderRow } from '../evidence.ts';
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
  const shown = groupBy(operationsOf(evidence), ({ orderId, shown: it }) => (it ? orderId : null));
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
function judgeNumbers({ orderId, version, status }: OrderRow, path: readonly EventRow[]): Violation[] {
  const violations: Violation[] = [];
  const numbers = path.map(({ number }) => number);
  const last = path.at(-1);
  if (numbers.some((number, index) => number !== index + 1))
    violations.push(broken('I11', orderId, `its events are numbered ${numbers.join(' ')}`));
  if (last?.number !== version || last.status !== status)
    violations.push(
      broken('I11', orderId, `its events end at ${last?.number} ${last?.status}, its row is at ${version} ${status}`),
    );
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

function judgeShown({ orderId }: OrderRow, path: readonly EventRow[], views: readonly ClientOperation[]): Violation[] {
  const violations: Violation[] = [];
  for (const { shown, operation, beganAt, client } of views) {
    if (!shown) continue;
    const event = path.find(({ number }) => number === shown.version);
    if (event?.status !== shown.status)
      violations.push(broken('I8', orderId, `${operation} showed ${shown.status} as version ${shown.version}`));
    const earlier = views.filter((view) => view.endedAt < beganAt).map((view) => view.shown?.version ?? 0);
    const newest = Math.max(0, ...earlier);
    if (shown.version < newest)
      violations.push(broken('I8', orderId, `${client} was shown version ${shown.version} after ${newest} was shown`));
  }
  return violations;
}
