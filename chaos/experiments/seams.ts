// A process is struck exactly between two steps that belong together.
import { orderWorkflowId } from '../../src/workflows/messages.ts';
import type { Passing, Seam } from '../system/desk.ts';
import type { ProcessName } from '../system/fleet.ts';
import type { System } from '../system/system.ts';
import type { Experiment, Stage } from './experiment.ts';

/** Orders that reach the seam soon, and none that merely waits for its expiry. */
const LOAD = {
  orders: 10,
  windowMs: 5_000,
  kinds: { expiring: 0, cancelled: 1, at_once: 30, crossing: 30, contested: 30 },
  expiresInMs: [14_000, 18_000] as const,
};

type Hit = (stage: Stage, passing: Passing) => Promise<void>;

const kill: Hit = async ({ system, random, note }, { process, seam, about }) => {
  const downMs = random.between(0, 1_500);
  note('kill at seam', { seam, process, downMs, ...about });
  // The process is waiting for our word; it dies without it.
  await system.fleet.crash(process as ProcessName, downMs);
};

const freeze =
  (...durations: number[]): Hit =>
  async ({ system, random, note, sleep }, { process, seam, about }) => {
    const ms = random.pick(durations);
    note('freeze at seam', { seam, process, ms, ...about });
    system.fleet.freeze(process as ProcessName);
    await sleep(ms);
    system.fleet.thaw(process as ProcessName);
  };

/** Once the provider has the request, and before its reply is read. */
const killOnceReceived =
  (event: string): Hit =>
  async (stage, passing) => {
    const { reference = '' } = passing.about;
    for (let waitedMs = 0; waitedMs < 2_000; waitedMs += 25) {
      if ((await stage.system.simulator.ledger({ reference, event })).length > 0) break;
      await stage.sleep(25);
    }
    await kill(stage, passing);
  };

/** Its customer cancels, or an operator does, while the row says what the run does not know yet. */
const cancelMeanwhile: Hit = async (stage, passing) => {
  const { orderId = '' } = passing.about;
  const order = stage.placed().find((it) => it.orderId === orderId);
  stage.note('cancel at seam', { seam: passing.seam, orderId });
  if (stage.random.chance(0.5)) await order?.calls.cancel(orderId);
  else await signalCancel(stage.system, orderId);
  if (stage.random.chance(0.5)) await kill(stage, passing);
};

async function signalCancel({ temporal }: System, orderId: string): Promise<void> {
  await temporal
    .call(() => temporal.client.workflow.getHandle(orderWorkflowId(orderId)).signal('cancelRequested'))
    .catch(() => {});
}

function seam(id: Seam, title: string, hit: Hit, atRisk: Experiment['atRisk'], times = 2): Experiment {
  return {
    id,
    title,
    atRisk,
    load: LOAD,
    async run(stage) {
      let hits = 0;
      stage.system.desk.arm(
        id,
        async (passing) => {
          hits += 1;
          await hit(stage, passing);
        },
        { times },
      );
      for (let waitedMs = 0; hits < times && waitedMs < 12_000; waitedMs += 100) await stage.sleep(100);
      stage.expect(hits > 0, 'I14', `nothing came to seam ${id}: it was not tried`);
    },
  };
}

export const SEAM_EXPERIMENTS: readonly Experiment[] = [
  seam('S1', 'api dies between the inserts of an order and their commit', kill, ['I2', 'I6']),
  seam('S2', 'api dies between the commit of an order and its 201', kill, ['I6', 'I2']),
  seam('S3', 'relay dies between a publish and its mark', kill, ['I2', 'I13'], 3),
  seam('S4', 'bridge dies between a started run and the acknowledgement', kill, ['I1', 'I2'], 3),
  seam('S5', 'worker dies between an attempt and its create', kill, ['I1', 'I2']),
  seam('S6', 'worker dies when Conduit has the create, before the reply', killOnceReceived('order.created'), [
    'I1',
    'I7',
  ]),
  seam('S7', 'worker dies between the reply to a create and its record', kill, ['I1', 'I7']),
  seam('S8', 'worker dies when Conduit has the execute, before the reply', killOnceReceived('order.claimed'), [
    'I1',
    'I7',
  ]),
  seam('S9', 'worker dies between the reply to an execute and its record', kill, ['I1', 'I7']),
  seam('S10', 'worker dies between the end of an activity and the word of it', kill, ['I1', 'I2']),
  seam('S11', 'worker dies between a changed row and its event', kill, ['I11', 'I7']),
  seam('S12', 'api dies between a stored webhook and its 200', kill, ['I7', 'I11']),
  seam('S13', 'api or bridge dies between a cancel, its answer and its signal', kill, ['I5', 'I2']),
  seam(
    'S15',
    'worker freezes between a permit and the first byte of its send',
    freeze(3_000, 8_000),
    ['I4', 'I5', 'I1'],
    3,
  ),
  seam('S16', 'a cancel comes between a record and the word of it', cancelMeanwhile, ['I5', 'I1'], 4),
];
