import {
  Client,
  Connection,
  defaultGrpcRetryOptions,
  isGrpcServiceError,
  makeGrpcRetryInterceptor,
  NamespaceNotFoundError,
  WorkflowExecutionAlreadyStartedError,
  WorkflowNotFoundError,
} from '@temporalio/client';
import type { SignalDefinition } from '@temporalio/common';
import type { ClientConnectConfig } from '@temporalio/envconfig';
import { isUuid } from '../domain/ids.ts';
import {
  ORDER_WORKFLOW,
  orderOpened,
  orderWorkflowId,
  RATE_WATCH_WORKFLOW,
  rateWatchWorkflowId,
} from '../workflows/messages.ts';
import {
  orderStartOptions,
  rateWatchStartOptions,
  SEARCH_ATTRIBUTES,
  type StartableOrder,
  type Starter,
} from './temporal-starts.ts';
import { isStuck, newestEvents, STUCK_AFTER_MS } from './temporal-stuck.ts';

/** Where Temporal is, and how it knows us. */
export type TemporalSettings = ClientConnectConfig;

/**
 * `stuck`: the run is open, and its next task fails again and again, as one does that no code can follow: it was begun under a
 * release that has been rolled back. `absent`: Temporal knows no run, or no longer.
 */
export type RunState = 'running' | 'stuck' | 'ended' | 'absent';

export type Temporal = ReturnType<typeof connectTemporal>;

/** Ends every call, its retries included: a handler must hear "away" before its message's lease ends. */
const CALL_DEADLINE_MS = 5_000;
/** About a second of tries: enough for a frontend that restarts; a longer outage is the caller's to wait out. */
const MAX_TRIES = 4;
/** How long the answer that the search attributes are there is good for. */
const ATTRIBUTES_FOR_MS = 60_000;
/** gRPC would let the wait between two connection attempts grow to two minutes. */
const MAX_RECONNECT_MS = 2_000;

/**
 * The client that starts and signals runs. Connects when it is first used, and again by itself; every call ends within
 * {@link CALL_DEADLINE_MS}. Errors that {@link isTemporalUnavailable} names mean "again later".
 */
export function connectTemporal(
  { connectionOptions, namespace = 'default' }: TemporalSettings,
  { stuckAfterMs = STUCK_AFTER_MS } = {},
) {
  const { address, apiKey, tls, metadata } = connectionOptions;
  const connection = Connection.lazy({
    ...(address === undefined ? {} : { address }),
    ...(apiKey === undefined ? {} : { apiKey }),
    ...(tls === undefined ? {} : { tls }),
    ...(metadata === undefined ? {} : { metadata }),
    channelArgs: { 'grpc.initial_reconnect_backoff_ms': 200, 'grpc.max_reconnect_backoff_ms': MAX_RECONNECT_MS },
    interceptors: [makeGrpcRetryInterceptor(defaultGrpcRetryOptions({ maxAttempts: MAX_TRIES }))],
  });
  const client = new Client({ connection, namespace });
  const call = <T>(work: () => Promise<T>, deadlineMs = CALL_DEADLINE_MS) =>
    connection.withDeadline(Date.now() + deadlineMs, work);
  let attributesSeenAt = Number.NEGATIVE_INFINITY;

  async function newestRun(workflowId: string): Promise<{ state: RunState; runId?: string }> {
    try {
      const { status, raw, runId } = await call(() => client.workflow.getHandle(workflowId).describe());
      if (status.name !== 'RUNNING') return { state: 'ended', runId };
      const { attempt } = raw.pendingWorkflowTask ?? {};
      // No task waits in a run that sleeps, which is nearly every one: its history need not be read.
      if (!attempt) return { state: 'running', runId };
      const events = await call(() => newestEvents(client, workflowId, runId));
      return { state: isStuck(events, attempt, stuckAfterMs) ? 'stuck' : 'running', runId };
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) return { state: 'absent' };
      throw error;
    }
  }

  /** By now somebody else may have put a new run in its place: that one stays. */
  async function endIfStuck(workflowId: string, reason: string): Promise<boolean> {
    const { state, runId } = await newestRun(workflowId);
    if (state !== 'stuck') return false;
    try {
      await call(() => client.workflow.getHandle(workflowId, runId).terminate(reason));
      return true;
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) return false;
      throw error;
    }
  }

  return {
    /** For what is asked nowhere else: schedules, descriptions, visibility. Give such calls a deadline by {@link call}. */
    client,
    call,

    /** `running`: the order has a run, new or old. `closed`: its run completed, and this starter may not follow it. */
    async startOrder(order: StartableOrder, starter: Starter): Promise<'running' | 'closed'> {
      return runningUnlessClosed(call(() => client.workflow.start(ORDER_WORKFLOW, orderStartOptions(order, starter))));
    },

    /** `no_run`: the order has no open run; whether it needs one is for the reconciler to judge. */
    async signalOrder(orderId: string, signal: SignalDefinition): Promise<'signalled' | 'no_run'> {
      try {
        await call(() => client.workflow.getHandle(orderWorkflowId(orderId)).signal(signal));
        return 'signalled';
      } catch (error) {
        if (error instanceof WorkflowNotFoundError) return 'no_run';
        throw error;
      }
    },

    /** Signals the order's run, and starts it first when there is none. */
    async signalWithStartOrder(
      order: StartableOrder,
      starter: Starter,
      signal: SignalDefinition,
    ): Promise<'running' | 'closed'> {
      const options = { ...orderStartOptions(order, starter), signal };
      return runningUnlessClosed(call(() => client.workflow.signalWithStart(ORDER_WORKFLOW, options)));
    },

    /** Ends the order's run where it stands if it is stuck, and no other. True when it has ended one. */
    endStuckRun: (orderId: string, reason: string): Promise<boolean> => endIfStuck(orderWorkflowId(orderId), reason),

    /** The same for the pair's watcher. */
    endStuckWatcher: (pair: string, reason: string): Promise<boolean> => endIfStuck(rateWatchWorkflowId(pair), reason),

    /** What has become of the order's newest run. */
    async describeOrder(orderId: string): Promise<RunState> {
      return (await newestRun(orderWorkflowId(orderId))).state;
    },

    /** Orders whose run has closed within `withinMs`, by visibility, which lags; `limit` at most. */
    async recentlyClosedOrders(withinMs: number, limit: number): Promise<string[]> {
      const since = new Date(Date.now() - withinMs).toISOString();
      const query = `WorkflowType = '${ORDER_WORKFLOW}' and ExecutionStatus != 'Running' and CloseTime > '${since}'`;
      return call(async () => {
        const ids: string[] = [];
        for await (const { workflowId } of client.workflow.list({ query, pageSize: limit })) {
          const id = workflowId.slice(orderWorkflowId('').length);
          // Somebody may have begun one by hand, under a name of his own.
          if (isUuid(id) && workflowId === orderWorkflowId(id)) ids.push(id);
          if (ids.length >= limit) break;
        }
        return ids;
      });
    },

    /** Keeps the pair's watcher running. Never a plain start: one that meets a watcher about to end is lost. */
    async signalWithStartWatcher(pair: string): Promise<void> {
      const options = { ...rateWatchStartOptions(pair), signal: orderOpened };
      await call(() => client.workflow.signalWithStart(RATE_WATCH_WORKFLOW, options));
    },

    /** Resolves when the server answers for the namespace, else throws. */
    async ping(): Promise<void> {
      await call(() => client.workflowService.describeNamespace({ namespace }));
    },

    /**
     * Whether the namespace knows every search attribute: without them no order can be started. Asked by a query that names
     * them all, because the operator's list of attributes is refused by Temporal Cloud; once a minute, because one that is
     * there may be taken away.
     */
    async hasSearchAttributes(): Promise<boolean> {
      if (performance.now() - attributesSeenAt < ATTRIBUTES_FOR_MS) return true;
      const { pair, status, direction, user, expiresAt } = SEARCH_ATTRIBUTES;
      const names = [pair, status, direction, user].map(({ name }) => `${name} = ''`);
      const query = [...names, `${expiresAt.name} < '1970-01-01T00:00:00Z'`].join(' and ');
      try {
        await call(() => client.workflow.count(query));
        attributesSeenAt = performance.now();
        return true;
      } catch (error) {
        if (grpcCode(error) !== GRPC.invalidArgument) throw error;
        return false;
      }
    },

    async close(): Promise<void> {
      await connection.close();
    },
  };
}

async function runningUnlessClosed(started: Promise<unknown>): Promise<'running' | 'closed'> {
  try {
    await started;
    return 'running';
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return 'closed';
    throw error;
  }
}

/** gRPC status codes that we tell apart: https://grpc.io/docs/guides/status-codes/ */
const GRPC = {
  cancelled: 1,
  unknown: 2,
  invalidArgument: 3,
  deadlineExceeded: 4,
  permissionDenied: 7,
  resourceExhausted: 8,
  unavailable: 14,
  unauthenticated: 16,
} as const;

/** Neither the order's fault nor the message's: the server is away, overloaded, or does not know us or the namespace (yet). */
const UNAVAILABLE: readonly number[] = [
  GRPC.cancelled,
  GRPC.unknown,
  GRPC.deadlineExceeded,
  GRPC.permissionDenied,
  GRPC.resourceExhausted,
  GRPC.unavailable,
  GRPC.unauthenticated,
];

/** Whether Temporal could not be asked just now: try again later, and blame nobody. */
export function isTemporalUnavailable(error: unknown): boolean {
  if (error instanceof NamespaceNotFoundError) return true;
  const code = grpcCode(error);
  return code !== null && UNAVAILABLE.includes(code);
}

/** The gRPC status inside an error of the SDK, which wraps it as a cause. */
function grpcCode(error: unknown): number | null {
  for (let it = error; typeof it === 'object' && it !== null; it = 'cause' in it ? it.cause : null) {
    if (isGrpcServiceError(it)) return it.code;
  }
  return null;
}
