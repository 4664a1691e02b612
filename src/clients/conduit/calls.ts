import type { ProviderCode, SendOutcome } from '../../domain/replies.ts';
import type { Http, HttpOutcome, HttpRequest } from './http.ts';

/** The calls we make, by name: a closed set, for labels. */
export type ConduitEndpoint =
  | 'quote'
  | 'order_create'
  | 'order_execute'
  | 'order_cancel'
  | 'order_get'
  | 'order_list'
  | 'transaction_get'
  | 'account_get'
  | 'webhook_create';

/** How a call ended: a send by its outcome, every other call by what was learnt. */
type ConduitCallClass = SendOutcome | 'read' | 'refused' | 'rate_limited' | 'unavailable';

/** What the client needs of a logger; pino's fits. */
export interface ConduitLog {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
}

export interface CallDeps {
  readonly http: Http;
  readonly log: ConduitLog;
  readonly onCall?: ((endpoint: ConduitEndpoint, cls: ConduitCallClass, durationMs: number) => void) | undefined;
}

interface Judged<T> {
  readonly cls: ConduitCallClass;
  readonly code: ProviderCode | null;
  readonly result: T;
}

export type Call = <T>(
  endpoint: ConduitEndpoint,
  request: HttpRequest,
  judge: (outcome: HttpOutcome) => Judged<T>,
) => Promise<T>;

/** One request, its judgement, its one line in the log and its measure. Bodies and keys are never logged. */
export function createCall({ http, log, onCall }: CallDeps): Call {
  return async (endpoint, request, judge) => {
    const { outcome, durationMs, clientCorrelationId } = await http.send(request);
    const { cls, code, result } = judge(outcome);
    const head = outcome.kind === 'reply' || outcome.kind === 'lost' ? outcome.head : null;
    const fields = {
      event: 'conduit_called',
      endpoint,
      class: cls,
      code,
      status: head?.status ?? null,
      duration_ms: Math.round(durationMs),
      correlation_id: head?.correlationId ?? null,
      client_correlation_id: clientCorrelationId,
    };
    // A read that went well is the most frequent call and the least interesting one.
    if (cls === 'read') log.debug(fields, 'Conduit was read');
    else log.info(fields, 'Conduit was called');
    onCall?.(endpoint, cls, durationMs);
    return result;
  };
}
