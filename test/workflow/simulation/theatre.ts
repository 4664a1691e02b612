import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import {
  bundleWorkflowCode,
  DefaultLogger,
  makeTelemetryFilterString,
  Runtime,
  Worker,
  type WorkflowBundle,
} from '@temporalio/worker';
import type { Instant } from '../../../src/domain/order.ts';
import {
  CONDUIT_TASK_QUEUE,
  ORDER_TASK_QUEUE,
  type OrderOutcome,
  orderWorkflowId,
} from '../../../src/workflows/messages.ts';
import type { orderWorkflow } from '../../../src/workflows/order.ts';
import type { Part, Play } from './play.ts';
import { createStage } from './stage.ts';
import { poked, type timelineWorkflow } from './timeline.ts';

// Crashes are meant here, by the hundred: what workflows and workers say of them would bury what a test says.
Runtime.install({
  logger: new DefaultLogger('WARN'),
  telemetryOptions: { logging: { filter: makeTelemetryFilterString({ core: 'WARN' }), forward: {} } },
});

/** INDEXED_VALUE_TYPE_KEYWORD of Temporal's API. */
const KEYWORD = 2;

const timelineId = (orderId: string) => `timeline-${orderId}`;

/** One history as the real workflow lived through it. */
export interface Performance {
  readonly play: Play;
  /** Only a run that completed has one. */
  readonly outcome: OrderOutcome;
  /** Whether the run went on as a new one. */
  readonly isContinued: boolean;
}

/** So long must nothing happen before a server's clock is taken for one that stands: its own calls may take ten seconds. */
const STANDSTILL_MS = 30_000;

/** The real workflow on servers that skip time, with activities of the model: many orders at once share a clock. */
export async function createTheatre() {
  const path = process.env['TEMPORAL_TEST_SERVER_PATH'];
  if (!path)
    throw new Error('TEMPORAL_TEST_SERVER_PATH is not set: run the tests by `npm test`, which brings the test server');
  const timeline = fileURLToPath(new URL('./timeline.ts', import.meta.url));
  const bundle = await bundleWorkflowCode({ workflowsPath: timeline, workflowInterceptorModules: [timeline] });

  return {
    /** Plays the parts at once, on a server of their own. Throws when its clock stands still before all have ended. */
    async performAll(parts: readonly Part[]): Promise<Performance[]> {
      const env = await TestWorkflowEnvironment.createTimeSkipping({
        server: { executable: { type: 'existing-path', path } },
      });
      // Without the retries of the environment's own: those of a server that stands would outlive it.
      const connection = await Connection.connect({ address: env.address, interceptors: [] });
      try {
        return await performOn(env, new Client({ connection }), bundle, parts);
      } finally {
        await connection.close();
        await env.teardown();
      }
    },
  };
}

async function performOn(
  env: TestWorkflowEnvironment,
  client: Client,
  workflowBundle: WorkflowBundle,
  parts: readonly Part[],
): Promise<Performance[]> {
  const { testService } = env.connection;
  if (!testService) throw new Error('only the test server lets time be skipped');
  await env.connection.operatorService.addSearchAttributes({
    namespace: 'default',
    searchAttributes: { OrderStatus: KEYWORD },
  });
  const { stage, open, steps } = createStage({
    clock: createClock(env),
    poke: async (orderId) => {
      await client.workflow
        .getHandle(timelineId(orderId))
        .signal(poked)
        .catch(() => {});
    },
  });

  async function start(part: Part) {
    const orderId = randomUUID();
    const play = await open(orderId, part);
    const common = { taskQueue: ORDER_TASK_QUEUE, args: [{ orderId }] as [{ orderId: string }] };
    const workflowId = orderWorkflowId(orderId);
    const run = await client.workflow.start<typeof orderWorkflow>('orderWorkflow', { ...common, workflowId });
    const timelineRun = await client.workflow.start<typeof timelineWorkflow>('timelineWorkflow', {
      ...common,
      workflowId: timelineId(orderId),
    });
    return async (): Promise<Performance> => {
      await timelineRun.result();
      const outcome = await run.result();
      const { runId } = await client.workflow.getHandle(workflowId).describe();
      return { play, outcome, isContinued: runId !== run.firstExecutionRunId };
    };
  }

  const activities = stage as unknown as Record<string, never>;
  const common = { connection: env.nativeConnection, activities, shutdownForceTime: '5s' } as const;
  const orders = await Worker.create({ ...common, taskQueue: ORDER_TASK_QUEUE, workflowBundle });
  const conduit = await Worker.create({ ...common, taskQueue: CONDUIT_TASK_QUEUE });
  return conduit.runUntil(orders.runUntil(() => orStandstill(playAll(), steps)));

  async function playAll(): Promise<Performance[]> {
    const ends = await Promise.all(parts.map(start));
    // Time begins to pass when all have begun.
    await testService?.unlockTimeSkipping({});
    return Promise.all(ends.map((end) => end()));
  }
}

/** What `work` resolves to; throws once no step has been taken for too long. */
async function orStandstill<T>(work: Promise<T>, steps: () => number): Promise<T> {
  let watch: NodeJS.Timeout | undefined;
  const standstill = new Promise<never>((_, reject) => {
    let seen = steps();
    let at = performance.now();
    watch = setInterval(() => {
      if (steps() !== seen) {
        seen = steps();
        at = performance.now();
      } else if (performance.now() - at >= STANDSTILL_MS)
        reject(new Error(`the test server stands still: nothing happened for ${STANDSTILL_MS / 1_000} s`));
    }, 500);
  });
  try {
    return await Promise.race([work, standstill]);
  } finally {
    clearInterval(watch);
  }
}

/** The server's clock, asked once for all who want to know it at a moment. */
function createClock(env: TestWorkflowEnvironment): () => Promise<Instant> {
  let next: Promise<Instant> | null = null;
  return () => {
    // Whoever asks while a question is on its way must wait for the next: that answer may be older than the asking.
    next ??= Promise.resolve().then(() => {
      next = null;
      return env.currentTimeMs();
    });
    return next;
  };
}
