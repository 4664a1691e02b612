// What operators and releases do to runs: terminate, cancel, reset, new code, old histories.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from '@temporalio/worker';
import { orderChanged, orderWorkflowId } from '../../src/workflows/messages.ts';
import { ROOT } from '../../stack/paths.ts';
import { bundleWith } from '../system/bundle.ts';
import { WORKERS } from '../system/fleet.ts';
import type { Experiment, Stage } from './experiment.ts';
import { restartAll } from './processes.ts';

/** Open orders of this experiment, in the states asked for. */
async function openOrders({ system, placed }: Stage, statuses: readonly string[]): Promise<string[]> {
  const ids = placed().map(({ orderId }) => orderId);
  const rows = await system.db<{ orderId: string }[]>`
    select order_id from orders where order_id = any(${ids}::uuid[]) and status = any(${statuses as string[]})`;
  return rows.map(({ orderId }) => orderId);
}

/** Back to the run's first completed task, as the Web UI offers it: all that followed happens again. */
async function reset({ system, note }: Stage, orderId: string): Promise<boolean> {
  const { client, call } = system.temporal;
  const workflowExecution = { workflowId: orderWorkflowId(orderId) };
  const history = await call(() => client.workflow.getHandle(workflowExecution.workflowId).fetchHistory());
  const completed = (history.events ?? []).filter((event) => event.workflowTaskCompletedEventAttributes);
  const first = completed[0]?.eventId;
  if (!first) return false;
  await call(() =>
    client.workflowService.resetWorkflowExecution({
      namespace: 'default',
      workflowExecution,
      workflowTaskFinishEventId: first,
      requestId: crypto.randomUUID(),
      reason: 'chaos',
    }),
  );
  note('reset', { orderId });
  return true;
}

/** A run that ends meanwhile cannot be reset: that is told, and nothing else comes of it. */
async function tryToReset(stage: Stage, orderId: string): Promise<boolean> {
  try {
    return await reset(stage, orderId);
  } catch (error) {
    stage.system.tell('reset refused', { orderId, error: error instanceof Error ? error.message : String(error) });
    return false;
  }
}

const ACTS = ['terminate', 'cancel', 'reset'] as const;
type Act = (typeof ACTS)[number];

/** False where the run has ended, or does not exist yet. */
async function meddle(stage: Stage, act: Act, orderId: string): Promise<boolean> {
  const handle = stage.system.temporal.client.workflow.getHandle(orderWorkflowId(orderId));
  try {
    if (act === 'reset') return await reset(stage, orderId);
    await stage.system.temporal.call<unknown>(() =>
      act === 'terminate' ? handle.terminate('chaos') : handle.cancel(),
    );
    stage.note(act, { orderId });
    return true;
  } catch {
    return false;
  }
}

/** Workers with other workflow code than the product's, from their next start on. */
async function deploy(stage: Stage, what: string, codePath: string | null): Promise<void> {
  for (const name of WORKERS) {
    if (codePath === null) stage.system.configure(name);
    else stage.system.configure(name, { CHAOS_WORKFLOW_BUNDLE: codePath });
  }
  await restartAll(stage.system, WORKERS);
  stage.note('deploy', { what });
}

/**
 * Has the runs of these orders go on, which they would not while nobody wakes them: a hint does, as any message that comes twice is one.
 * One that has ended by now needs none.
 */
async function wake({ system }: Stage, orderIds: readonly string[]): Promise<void> {
  for (const orderId of orderIds) await system.temporal.signalOrder(orderId, orderChanged);
}

interface KnownRun {
  readonly workflowId: string;
  readonly runId: string;
}

/** The present run of each of these orders: repair may put another in its place. */
async function runsOf({ system }: Stage, orderIds: readonly string[]): Promise<KnownRun[]> {
  const { client, call } = system.temporal;
  const runs: KnownRun[] = [];
  for (const workflowId of orderIds.map(orderWorkflowId)) {
    const run = await call(() => client.workflow.getHandle(workflowId).describe()).catch(() => null);
    if (run) runs.push({ workflowId, runId: run.runId });
  }
  return runs;
}

/** Whether one of these runs has made a step since then. */
async function hasAnyGoneOn(stage: Stage, runs: readonly KnownRun[], since: number): Promise<boolean> {
  const { client, call } = stage.system.temporal;
  for (const { workflowId, runId } of runs) {
    const handle = client.workflow.getHandle(workflowId, runId);
    const { events } = await call(() => handle.fetchHistory()).catch(() => ({ events: [] }));
    const steps = (events ?? []).filter((event) => event.workflowTaskCompletedEventAttributes);
    if (steps.some(({ eventTime }) => Number(eventTime?.seconds ?? 0) * 1_000 > since)) return true;
  }
  return false;
}

/** Whether some open order's run has a task that fails again and again. One that was cut short by its worker's end has failed once. */
async function isAnyStuck(stage: Stage): Promise<boolean> {
  const { client, call } = stage.system.temporal;
  for (const orderId of await openOrders(stage, ['watching', 'executing'])) {
    const run = await call(() => client.workflow.getHandle(orderWorkflowId(orderId)).describe()).catch(() => null);
    if ((run?.raw.pendingWorkflowTask?.attempt ?? 0) > 2) return true;
  }
  return false;
}

/** How much longer a slow machine has for what has met nobody yet, but where it may miss. */
const SLOW_MS = 30_000;
const GOOD_RELEASE_MS = 5_000;
const BAD_RELEASE_MS = 6_000;

/** Keeps to a release for a while, and until it has met somebody. */
async function untilMet(stage: Stage, leastMs: number, isMetNow: () => Promise<boolean>): Promise<boolean> {
  const from = Date.now() + leastMs;
  let isMet = false;
  for (; Date.now() < from + SLOW_MS && !(isMet && Date.now() > from); await stage.sleep(500))
    isMet ||= await isMetNow();
  return isMet;
}

function whileOrdersCome({ windowMs, isQuick }: Stage, isDone: () => boolean): () => boolean {
  const until = Date.now() + windowMs + 4_000;
  return () => Date.now() < until + (isQuick || isDone() ? 0 : SLOW_MS);
}

/** Some orders are placed in this time. */
const NO_WORKER_MS = 6_000;

/**
 * An order is `accepted` for a moment only, until a worker comes to it; while none does, its run can be ended, and not yet be reset: a
 * reset goes back to a step that the run has made.
 */
async function meddleWithAccepted(stage: Stage): Promise<void> {
  const { fleet } = stage.system;
  const pending: Act[] = ['terminate', 'cancel'];
  for (const process of WORKERS) {
    stage.note('freeze', { process, ms: NO_WORKER_MS });
    fleet.freeze(process);
  }
  try {
    for (const until = Date.now() + NO_WORKER_MS; Date.now() < until; await stage.sleep(100)) {
      const orders = await openOrders(stage, ['accepted']);
      const [act] = pending;
      if (act && orders.length > 0 && (await meddle(stage, act, stage.random.pick(orders)))) pending.shift();
    }
  } finally {
    for (const process of WORKERS) fleet.thaw(process);
  }
  stage.struck(pending.length === 0, `never done to an accepted order: ${pending.join(', ')}`);
}

export const OPERATOR_EXPERIMENTS: readonly Experiment[] = [
  {
    id: 'F39',
    title: 'new code over waiting orders: a patched change, one that cannot follow, and back',
    atRisk: ['I12', 'I2'],
    load: { windowMs: 24_000, expiresInMs: [30_000, 50_000] },
    async run(stage) {
      const { system, sleep } = stage;
      await sleep(6_000);
      const first = await openOrders(stage, ['watching']);
      const firstRuns = await runsOf(stage, first);
      await deploy(stage, 'a patched change', await bundleWith(system.dir, 'patched'));
      const deployedAt = Date.now();
      await wake(stage, first);
      const isFollowed = await untilMet(stage, GOOD_RELEASE_MS, () => hasAnyGoneOn(stage, firstRuns, deployedAt));
      stage.struck(isFollowed, 'no run that had begun before the patched change went on under it');
      const then = await openOrders(stage, ['watching']);
      await deploy(stage, 'code that cannot follow', await bundleWith(system.dir, 'non_deterministic'));
      await wake(stage, then);
      const isMet = await untilMet(stage, BAD_RELEASE_MS, () => isAnyStuck(stage));
      stage.struck(isMet, 'the code that cannot follow followed every run');
      await deploy(stage, 'the patched change again', await bundleWith(system.dir, 'patched'));
      // Runs that the bad release itself began are in nobody's words now. Their rows are: repair begins new ones from there.
    },
  },
  {
    id: 'F40',
    title: 'every stored history is replayed on the present code',
    atRisk: ['I12'],
    load: { orders: 0, windowMs: 100 },
    async run({ system, note, expect }) {
      const dir = join(ROOT, 'test', 'replay', 'histories');
      const files = readdirSync(dir).filter((name) => name.endsWith('.json'));
      const histories = files.map((name) => ({
        workflowId: name,
        history: JSON.parse(readFileSync(join(dir, name), 'utf8')) as object,
      }));
      const replays = Worker.runReplayHistories({ workflowBundle: { codePath: system.bundle } }, histories);
      let replayed = 0;
      for await (const { workflowId, error } of replays) {
        replayed += 1;
        expect(error === undefined, 'I12', `${workflowId} cannot be replayed: ${error?.message}`);
      }
      note('replay', { replayed });
      expect(replayed >= 30, 'I12', `only ${replayed} histories are stored`);
    },
  },
  {
    id: 'F41',
    title: 'runs are reset while their order executes',
    atRisk: ['I1'],
    async run(stage) {
      let resets = 0;
      const goesOn = whileOrdersCome(stage, () => resets > 0);
      while (goesOn()) {
        for (const orderId of (await openOrders(stage, ['executing'])).slice(0, 3))
          resets += (await tryToReset(stage, orderId)) ? 1 : 0;
        await stage.sleep(200);
      }
      stage.struck(resets > 0, 'no run of an executing order was reset');
    },
  },
  {
    id: 'F42',
    title: 'runs are terminated, cancelled and reset while their orders wait and while they execute',
    atRisk: ['I1', 'I2', 'I5', 'I7'],
    async run(stage) {
      await meddleWithAccepted(stage);
      // Each act in each of the other states first.
      const pending = ACTS.flatMap((act) => (['watching', 'executing'] as const).map((status) => ({ act, status })));
      const states = ['accepted', 'watching', 'executing'] as const;
      const goesOn = whileOrdersCome(stage, () => pending.length === 0);
      while (goesOn()) {
        const { act, status } = pending[0] ?? { act: stage.random.pick(ACTS), status: stage.random.pick(states) };
        const orders = await openOrders(stage, [status]);
        const isDone = orders.length > 0 && (await meddle(stage, act, stage.random.pick(orders)));
        const tried = pending.shift();
        // What found nobody is tried again later.
        if (tried && !isDone) pending.push(tried);
        await stage.sleep(stage.random.between(100, 400));
      }
      stage.struck(pending.length === 0, `never done: ${pending.map((it) => `${it.act} ${it.status}`).join(', ')}`);
    },
  },
];
