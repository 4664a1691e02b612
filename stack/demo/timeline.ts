import type { OrderEvent } from './client.ts';

const WORDS: Record<string, string> = {
  accepted: 'accepted',
  watching: 'watching the rate',
  looked: 'firm quote, condition not met',
  attempt_prepared: 'firm quote meets the condition',
  create_permitted: 'create permitted and sent to Conduit',
  attempt_created: 'Conduit holds the rate',
  execute_permitted: 'execute permitted and sent to Conduit',
  claimed: 'Conduit has claimed the execution',
  executed: 'executed',
  cancelled: 'cancelled',
  expired: 'expired',
  failed: 'failed',
};

/** One order's story in lines: when, since the first event, what, and at which rate. */
export function timelineOf(events: readonly OrderEvent[]): string[] {
  const [first] = events;
  if (!first) return ['  (no events)'];
  const startedAt = Date.parse(first.occurred_at);
  return events.map(({ event, occurred_at: at, detail, reason }) => {
    const sinceMs = Date.parse(at) - startedAt;
    const rate = typeof detail?.['rate'] === 'string' ? `  all-in ${detail['rate']}` : '';
    const why = reason && event !== 'looked' ? `  (${reason})` : '';
    return `  ${at.slice(11, 23)}  +${(sinceMs / 1_000).toFixed(1).padStart(5)} s  ${WORDS[event] ?? event}${rate}${why}`;
  });
}
