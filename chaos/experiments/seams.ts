// A process is struck exactly between two steps that belong together.
import { orderWorkflowId } from '../../src/workflows/messages.ts';
import { orderOf } from '../checker/evidence.ts';
import { type LoadShape, shapeOf } from '../load/shape.ts';
import type { Passing, Seam } from '../system/desk.ts';
import type { ProcessName } from '../system/fleet.ts';
import type { System } from '../system/system.ts';
import type { Experiment, Stage } from './experiment.ts';
import { crashAtSeam, isAwake } from './processes.ts';

type Load = Omit<LoadShape, 'patient' | 'patienceMs'>;

/** Orders that reach the seam soon, and none that merely waits for its expiry. */
const LOAD: Load = {
  orders: 10,
  windowMs: 5_000,
  kinds: { expiring: 0, cancelled: 1, at_once: 30, crossing: 30, contested: 30 },
  expiresInMs: [14_000, 18_000],
};
/** Of those that are struck at steps of an attempt, one after another: who died first must be back, or its orders with the other. */
const LONGER: Load = { ...LOAD, expiresInMs: [22_000, 28_000] };
/** Of those that still come when others have been cancelled, or their workers frozen. */
const MANY: Load = { ...LONGER, orders: 20, windowMs: 12_000 };
/** And that expire while their worker is frozen: others must still come when it has woken. */
const BRIEF: Load = { ...LONGER, orders: 32, windowMs: 24_000, expiresInMs: [16_000, 20_000] };
/** Most are cancelled. */
const CANCELLED: Load = {
  ...LOAD,
  orders: 24,
  windowMs: 8_000,
  kinds: { expiring: 0, cancelled: 60, at_once: 10, crossing: 10, contested: 20 },
};

/** False where it struck nobody after all: then it falls upon the next who comes. */
type Hit = (stage: Stage, passing: Passing) => Promise<boolean>;

const kill: Hit = async (stage, passing) => {
  await crashAtSeam(stage, passing, 1_500);
  return true;
};

/** Its request is old when it wakes: its customer has tried to cancel, or the order has expired meanwhile. */
const freeze =
  (until: 'an old permit' | 'past the expiry'): Hit =>
  async (stage, { process, seam, about }) => {
    const { system, note, sleep } = stage;
    const orderId = orderOf(about['reference']) ?? '';
    const order = stage.placed().find((it) => it.orderId === orderId);
    // No worker stays frozen for as long as these live.
    if (!order || (until === 'past the expiry' && order.plan.isPatient)) return false;
    const expiresInMs = Date.parse(order.plan.body.expires_at) - Date.now();
    const ms = until === 'an old permit' ? OLD_PERMIT_MS : expiresInMs + PAST_EXPIRY_MS;
    note('freeze at seam', { seam, process, ms, until, ...about });
    system.fleet.freeze(process as ProcessName);
    // Beside the freeze, which is to last as long as is noted.
    if (stage.random.chance(0.5)) stage.aside(order.calls.cancel(orderId));
    await sleep(ms);
    system.fleet.thaw(process as ProcessName);
    return true;
  };
const OLD_PERMIT_MS = 3_000;
const PAST_EXPIRY_MS = 1_000;

/** Longer than PostgreSQL lets a transaction do nothing: it ends the session, and the rest of the transaction comes too late. */
export const IDLE_TRANSACTION_MS = 2_600;

/** Its process goes on meanwhile, and makes its lost connection anew; or is frozen, and wakes with all of that at once. */
const outlastTransaction =
  (how: 'held' | 'frozen'): Hit =>
  async ({ system: { fleet }, note, sleep }, { process, seam, about }) => {
    note('stall at seam', { seam, process, ms: IDLE_TRANSACTION_MS, how, ...about });
    if (how === 'frozen') fleet.freeze(process as ProcessName);
    await sleep(IDLE_TRANSACTION_MS);
    fleet.thaw(process as ProcessName);
    return true;
  };

/** Once the provider has the request, and before its reply is read. */
const killOnceReceived =
  (event: string): Hit =>
  async (stage, passing) => {
    const { reference = '' } = passing.about;
    const isReceived = async () => (await stage.system.simulator.ledger({ reference, event })).length > 0;
    let isThere = await isReceived();
    for (let waitedMs = 0; !isThere && waitedMs < 2_000; waitedMs += 25) {
      await stage.sleep(25);
      isThere = await isReceived();
    }
    return isThere && kill(stage, passing);
  };

/** Its customer cancels, or an operator does, while the row says what the run does not know yet. */
const cancelMeanwhile: Hit = async (stage, passing) => {
  const { orderId = '' } = passing.about;
  const order = stage.placed().find((it) => it.orderId === orderId);
  if (!order) return false;
  stage.note('cancel at seam', { seam: passing.seam, orderId });
  if (stage.random.chance(0.5)) await order.calls.cancel(orderId);
  else if (!(await signalCancel(stage.system, orderId))) return false;
  if (stage.random.chance(0.5)) await kill(stage, passing);
  return true;
};

async function signalCancel({ temporal }: System, orderId: string): Promise<boolean> {
  return temporal
    .call(() => temporal.client.workflow.getHandle(orderWorkflowId(orderId)).signal('cancelRequested'))
    .then(
      () => true,
      () => false,
    );
}

/** What happens to one of those who come to a seam: to the first for whom `about` says this. */
interface Strike {
  readonly hit: Hit;
  readonly about?: Readonly<Record<string, string>>;
  /** Whether those before it must have fallen: an order comes to the one step before it comes to the other. */
  readonly isLater?: true;
}

const each = (hit: Hit, name: string, ...values: readonly string[]): Strike[] =>
  values.map((value) => ({ hit, about: { [name]: value } }));

const fits =
  (wanted: Readonly<Record<string, string>> = {}) =>
  ({ about }: Passing): boolean =>
    Object.entries(wanted).every(([name, value]) => about[name]?.startsWith(value));

/** A worker that died holds its runs for ten seconds: what comes after that is to be struck, too, on a slow machine as well. */
const STRUCK_AT_LEAST_MS = 28_000;

/** Each strike falls once, so that one that comes early takes no other's place. */
function seam(
  id: Seam,
  title: string,
  atRisk: Experiment['atRisk'],
  strikes: readonly Strike[],
  load: Load = LOAD,
): Experiment {
  return {
    id,
    title,
    atRisk,
    load,
    async run(stage) {
      /** Those that have not fallen, and of these the ones that nobody has come to yet. */
      const [missing, awaited] = [new Set(strikes), new Set(strikes)];
      const arm = (strike: Strike): void => {
        const struck = async (passing: Passing) => {
          awaited.delete(strike);
          if (await strike.hit(stage, passing)) return void missing.delete(strike);
          awaited.add(strike);
          arm(strike);
        };
        const earlier = strike.isLater ? strikes.slice(0, strikes.indexOf(strike)) : [];
        const isDue = fits(strike.about);
        stage.system.desk.arm(id, struck, {
          fits: (passing) => isDue(passing) && isAwake(stage.system)(passing) && !earlier.some((it) => awaited.has(it)),
        });
      };
      for (const strike of strikes) arm(strike);
      // As long as one of the many may come; the few patient ones have gone by then.
      const { windowMs, expiresInMs } = shapeOf(load, stage);
      const withinMs = Math.max(STRUCK_AT_LEAST_MS, windowMs + expiresInMs[1]);
      // What is under way when the time is over is waited for: it may yet turn out to have struck nobody.
      const isUnderWay = () => [...missing].some((it) => !awaited.has(it));
      for (let waitedMs = 0; missing.size > 0 && (waitedMs < withinMs || isUnderWay()); waitedMs += 100)
        await stage.sleep(100);
      for (const { about = {} } of missing)
        stage.struck(false, `nothing came to seam ${id} as ${JSON.stringify(about)}: that was not tried`);
    },
  };
}

const later = (strike: Strike): Strike => ({ ...strike, isLater: true });
const twice = (hit: Hit): Strike[] => [{ hit }, { hit }];
const UNTIL = ['an old permit', 'past the expiry'] as const;
const TOPICS = ['order-checks', 'order-changes', 'conduit-events'];

export const SEAM_EXPERIMENTS: readonly Experiment[] = [
  seam('S1', 'api dies between the inserts of an order and their commit', ['I2', 'I6'], twice(kill)),
  seam('S2', 'api dies between the commit of an order and its 201', ['I6', 'I2'], twice(kill)),
  seam('S3', 'relay dies between a publish and its mark', ['I2', 'I13'], each(kill, 'topic', ...TOPICS)),
  seam(
    'S4',
    'bridge dies between a started or signalled run and the acknowledgement',
    ['I1', 'I2'],
    each(kill, 'topic', ...TOPICS),
  ),
  seam('S5', 'worker dies between an attempt and its create', ['I1', 'I2'], twice(kill), LONGER),
  seam(
    'S6',
    'worker dies when Conduit has the create, before the reply',
    ['I1', 'I7'],
    twice(killOnceReceived('order.created')),
    LONGER,
  ),
  seam('S7', 'worker dies between the reply to a create and its record', ['I1', 'I7'], twice(kill), LONGER),
  seam(
    'S8',
    'worker dies when Conduit has the execute, before the reply',
    ['I1', 'I7'],
    twice(killOnceReceived('order.claimed')),
    LONGER,
  ),
  seam('S9', 'worker dies between the reply to an execute and its record', ['I1', 'I7'], twice(kill), LONGER),
  seam(
    'S10',
    'worker dies between the end of an activity and the word of it',
    ['I1', 'I2'],
    each(kill, 'operation', 'create', 'execute', 'look_up'),
    LONGER,
  ),
  seam(
    'S11',
    'worker dies between a changed row and its event',
    ['I11', 'I7'],
    each(kill, 'event', 'execute_permitted', 'executed'),
    LONGER,
  ),
  seam('S12', 'api dies between a stored webhook and its 200', ['I7', 'I11'], twice(kill)),
  seam(
    'S13',
    'api or bridge dies between a cancel, its answer and its signal',
    ['I5', 'I2'],
    [...each(kill, 'at', 'committed'), ...each(kill, 'signal', 'orderChanged', 'orderChanged')],
    CANCELLED,
  ),
  seam(
    'S15',
    'worker freezes between a permit and the first byte of its send',
    ['I4', 'I5', 'I1'],
    [
      ...UNTIL.flatMap((until) => each(freeze(until), 'operation', 'execute')),
      // By then both workers are frozen, or have been: who creates now is the one that woke.
      ...UNTIL.flatMap((until) => each(freeze(until), 'operation', 'create')).map(later),
    ],
    BRIEF,
  ),
  seam(
    'S16',
    'a cancel comes between a record and the word of it',
    ['I5', 'I1'],
    each(cancelMeanwhile, 'recorded', 'watch ', 'watch ', 'adopt_created ', 'adopt_created ', 'complete '),
    MANY,
  ),
  seam(
    'S17',
    'a transaction stands still between two statements until PostgreSQL has ended it',
    ['I11', 'I1', 'I2'],
    [
      ...each(outlastTransaction('held'), 'event', 'accepted', 'execute_permitted', 'executed'),
      ...each(outlastTransaction('held'), 'into', 'conduit_sends', 'outbox'),
      ...each(outlastTransaction('frozen'), 'event', 'attempt_prepared'),
      ...each(outlastTransaction('frozen'), 'into', 'conduit_sends'),
    ],
    LONGER,
  ),
];
