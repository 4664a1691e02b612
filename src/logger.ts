import { type Logger, pino } from 'pino';

export type { Logger };

/** Events a log line may name: a closed list, so that a search for one finds all of them. */
export const LOG_EVENTS = [
  'process_started',
  'process_stopping',
  'process_stopped',
  'request_served',
  'request_failed',
  'order_accepted',
  'order_cancel_answered',
  'order_recorded',
  'order_looked',
  'conduit_called',
  'send_permitted',
  'send_replied',
  'lookup_stored',
  'rate_watched',
  'orders_woken',
  'webhook_received',
  'message_published',
  'message_handled',
  'message_parked',
  'subscription_reopened',
  'bridge_paused',
  'bridge_resumed',
  'reconciled',
  'orphan_followed',
  'pause_set',
  'pause_lifted',
  'dependency_unavailable',
  'dependency_recovered',
  'temporal_logged',
  'activity_failed',
  'alert',
  'page',
] as const;

/** An error as it is to be logged: without what PostgreSQL says of a row that it refuses, which is the row itself, accounts and all. */
export function withoutRow({ detail: _detail, where: _where, ...rest }: Readonly<Record<string, unknown>>) {
  return rest;
}

/** JSON lines on standard output. Fields use snake_case: order_id, attempt, status, workflow_id, duration_ms, code … */
export function createLogger(service: string, level: string): Logger {
  const options = {
    level,
    base: { service },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    serializers: { err: (error: Error) => withoutRow({ ...pino.stdSerializers.err(error) }) },
    // Nothing that carries a secret should ever be logged; what slips into a field of these names is cut out.
    redact: {
      paths: ['*.authorization', '*.apiKey', '*.secret', '*.password', 'authorization', 'apiKey', 'secret'],
      censor: '[cut]',
    },
  };
  // Node's own stream and not pino's: that one retries for ever, at the end of the process too, when its reader has gone.
  return pino(options, process.stdout);
}
