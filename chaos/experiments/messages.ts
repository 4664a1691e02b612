// Pub/Sub and what it carries: lost, late, twice, shuffled, unreadable.
import { PubSub } from '@google-cloud/pubsub';
import { orderWorkflowId } from '../../src/workflows/messages.ts';
import { BRIDGES } from '../system/fleet.ts';
import { signalService } from '../system/pids.ts';
import type { Experiment, Stage } from './experiment.ts';
import { countOf, expectStruck, logged, restartAll } from './processes.ts';
import { under } from './provider.ts';

/** Longer than the bridge leases a message for. */
const LONGER_THAN_A_LEASE_MS = 25_000;
/** Pulls that hung have leased it, too, and nobody has heard of that: it comes when their leases have run out. */
const AGAIN_WITHIN_MS = 30_000;
/** Each message of it is about another order, and what becomes of it is always logged. */
const OFTEN_TOLD = 'order-checks';
/** For as long as a process waits at a seam. */
const LONGEST_HOLD_MS = 60_000;
/** A bridge that was told nothing asks again within this. */
const REOPENED_WITHIN_MS = 15_000;

/** A publisher of our own, past every proxy. */
async function withPubsub<T>({ system }: Stage, work: (pubsub: PubSub) => Promise<T>): Promise<T> {
  const { PUBSUB_EMULATOR_HOST: apiEndpoint = '', PUBSUB_PROJECT_ID: projectId = '' } = system.env;
  const pubsub = new PubSub({ projectId, apiEndpoint, emulatorMode: true, universeDomain: 'googleapis.com' });
  try {
    return await work(pubsub);
  } finally {
    await pubsub.close();
  }
}

const publish = (stage: Stage, topic: string, ...messages: readonly (Buffer | object)[]) =>
  withPubsub(stage, async (pubsub) => {
    for (const message of messages) {
      const data = Buffer.isBuffer(message) ? message : Buffer.from(JSON.stringify(message));
      // One that the broker itself refuses for its size never reaches a bridge.
      await pubsub
        .topic(topic)
        .publishMessage({ data })
        .catch(() => {});
    }
  });

const TOPICS = ['order-checks', 'order-changes', 'conduit-events'] as const;
const REOPENED = /"event":"subscription_reopened","topic":"([^"]+)"/;

/** Waits until as many lines have been logged since then that differ in what the words catch. Of a short run it is not asked. */
async function untilLogged(
  { system, sleep, isQuick }: Stage,
  since: number,
  withinMs: number,
  words: RegExp,
  count: number,
): Promise<boolean> {
  for (const giveUpAt = Date.now() + withinMs; ; await sleep(500)) {
    const lines = await logged(system, words, since);
    if (new Set(lines.map((line) => words.exec(line)?.[1])).size >= count) return true;
    if (isQuick || Date.now() > giveUpAt) return false;
  }
}
const MALFORMED = [
  Buffer.from('no json at all {'),
  Buffer.from([0xff, 0xfe, 0x00]),
  { v: 1, order_id: 42 },
  { v: 1 },
  { v: 99, order_id: '00000000-0000-4000-8000-000000000000' },
  { v: 1, order_id: '00000000-0000-4000-8000-000000000000' },
  Buffer.alloc(9_000_000, 'x'),
];

export const MESSAGE_EXPERIMENTS: readonly Experiment[] = [
  {
    id: 'F14',
    title: 'the Pub/Sub emulator is killed: topics, subscriptions and messages are gone',
    atRisk: ['I2', 'I14'],
    async run(stage) {
      const { system, sleep, during, random, struck } = stage;
      let since = Date.now();
      for (let round = 0; round < 2; round += 1) {
        await sleep(random.between(2_000, 5_000));
        await during(
          'Pub/Sub is gone',
          random.between(0, 3_000),
          () => signalService(system.services, 'pubsub', 'SIGKILL'),
          () => {
            since = Date.now();
            return system.services.restart('pubsub');
          },
        );
      }
      const areReopened = await untilLogged(stage, since, REOPENED_WITHIN_MS, REOPENED, TOPICS.length);
      struck(areReopened, 'the subscriptions that were gone were not all made again');
    },
  },
  {
    id: 'F15',
    title: 'the emulator freezes for longer than a message is leased, and resumes',
    atRisk: ['I1'],
    async run(stage) {
      const { system, sleep, during, struck } = stage;
      await sleep(4_000);
      let isFrozen = false;
      let isOver = false;
      const freeze = async () => {
        if (isFrozen) return;
        isFrozen = true;
        await signalService(system.services, 'pubsub', 'SIGSTOP');
      };
      // A message has been handled, and is acknowledged only when all is over: what is said to a frozen emulator it may yet hear.
      const isStruck = new Promise<void>((resolve) => {
        const hold = async () => {
          await freeze();
          resolve();
          for (const until = Date.now() + LONGEST_HOLD_MS; !isOver && Date.now() < until; ) await sleep(100);
        };
        system.desk.arm('S4', hold, { fits: ({ about }) => !isFrozen && about['topic'] === OFTEN_TOLD });
      });
      await during(
        'Pub/Sub is frozen',
        LONGER_THAN_A_LEASE_MS,
        () => Promise.race([isStruck, sleep(5_000).then(freeze)]),
        () => signalService(system.services, 'pubsub', 'SIGCONT'),
      );
      expectStruck(stage);
      const cameAgain = await untilLogged(stage, Date.now(), AGAIN_WITHIN_MS, /"delivery_attempt":(?!1\b)\d/, 1);
      isOver = true;
      struck(cameAgain, 'no message came again whose lease had run out');
    },
  },
  {
    id: 'F16',
    title: 'every message comes one to five times, shuffled and late',
    atRisk: ['I1', 'I8'],
    async run(stage) {
      const { system, timeScale, windowMs, during, diceOf } = stage;
      for (const name of BRIDGES)
        system.configure(name, {
          CHAOS_SHUFFLE_MS: String(30_000 / timeScale),
          CHAOS_SEED: String(diceOf(name).between(0, 2 ** 31)),
        });
      const since = Date.now();
      await restartAll(system, BRIDGES);
      await during(
        'messages are shuffled',
        windowMs + 4_000,
        () => {},
        async () => {
          await expectRepeats(stage, since);
          for (const name of BRIDGES) system.configure(name);
          await restartAll(system, BRIDGES);
        },
      );
    },
  },
  {
    id: 'F17',
    title: 'messages that nobody can read',
    atRisk: ['I2', 'I11'],
    async run(stage) {
      await stage.sleep(2_000);
      for (const topic of TOPICS) {
        await publish(stage, topic, ...MALFORMED);
        stage.note('malformed messages', { topic, messages: MALFORMED.length });
      }
      // The judge counts what has been put aside by then.
      await stage.sleep(5_000);
    },
  },
  {
    id: 'F18',
    title: 'messages for orders that have ended, whose run is closed or gone',
    atRisk: ['I1'],
    async run(stage) {
      const { system, sleep, windowMs, note } = stage;
      await sleep(windowMs);
      const ended = await system.db<{ orderId: string }[]>`
        select order_id from orders where closed_at is not null order by closed_at desc limit 20`;
      let gone = 0;
      for (const [index, { orderId }] of ended.entries()) {
        // Half of them lose their run, as after its retention.
        const isRunGone = index % 2 === 0 && (await deleteRun(stage, orderId));
        await publish(stage, 'order-checks', { v: 1, order_id: orderId });
        await publish(stage, 'order-changes', { v: 1, order_id: orderId, version: 2, actor: 'api' });
        await publish(stage, 'conduit-events', { v: 1, order_id: orderId, event_id: `evt_${index}` });
        note('message for an ended order', { orderId, isRunGone });
        gone += isRunGone ? 1 : 0;
      }
      stage.struck(gone > 0, 'no run was deleted');
      await sleep(3_000);
    },
  },
  {
    id: 'F35',
    title: "Conduit's webhooks come twice, in the wrong order, late, forged, or never",
    atRisk: ['I7', 'I8', 'I15'],
    async run(stage) {
      const { timeScale } = stage;
      const strike = (probability: number, webhook: object) => ({
        match: { operation: 'webhook' as const, probability, times: 'always' as const },
        action: { webhook },
      });
      await under(stage, [
        strike(0.2, { copies: 4 }),
        strike(0.25, { reorder: true }),
        strike(0.15, { delayMs: 600_000 / timeScale }),
        strike(0.15, { delayMs: 60_000 / timeScale }),
        strike(0.25, { forge: 'wrong_secret' }),
        strike(0.25, { forge: 'altered_body' }),
        strike(0.25, { forge: 'no_signature' }),
        strike(0.3, { never: true }),
      ]);
    },
  },
];

/** What the bridges did with messages, but for publishing them. */
const TAKEN = ['started', 'closed', 'finished', 'signalled', 'no_run', 'ignored'] as const;

/** Far fewer than come in all, and far more than bridges that were killed leave behind to be taken again. */
const REPEATS_AT_LEAST = 1.5;

/** Many more messages must have been taken than there were to be published. */
async function expectRepeats({ system, struck, report }: Stage, since: number): Promise<void> {
  const counts = await Promise.all(
    TAKEN.map((result) => countOf(system, BRIDGES, 'bridge_messages_total', `result="${result}"`)),
  );
  const taken = counts.reduce((sum, count) => sum + count, 0);
  const [row] = await system.db<{ messages: number }[]>`
    select count(*)::int as messages from outbox where published_at > ${system.db.typed.instant(since)}`;
  const messages = row?.messages ?? 0;
  report('taken', { messages, taken });
  struck(
    messages > 0 && taken >= REPEATS_AT_LEAST * messages,
    `hardly any message came twice: ${messages} published, ${taken} taken`,
  );
}

/** False where there was none to be deleted. */
async function deleteRun({ system }: Stage, orderId: string): Promise<boolean> {
  const { client, call } = system.temporal;
  const workflowExecution = { workflowId: orderWorkflowId(orderId) };
  return call(() => client.workflowService.deleteWorkflowExecution({ namespace: 'default', workflowExecution })).then(
    () => true,
    () => false,
  );
}
