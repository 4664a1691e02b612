// The bridge with its seams: what a crash between a step of a message and its mark leaves behind.
import { loadBuild } from '../builds/load-build.ts';
import { randomFrom } from '../load/random.ts';
import { pass } from './seams.ts';

/** Up to this much later does a message come, and come once more, where messages are to be shuffled. */
const SHUFFLE_MS = Number(process.env['CHAOS_SHUFFLE_MS'] ?? 0);
const dice = randomFrom(Number(process.env['CHAOS_SEED'] ?? 0));

/** What the broker may do to a message: it comes again, up to four times more, late and in any order. */
function repeat(publish: () => Promise<void>): void {
  for (let copies = dice.between(0, 4); copies > 0; copies -= 1)
    setTimeout(() => void publish().catch(() => {}), dice.between(0, SHUFFLE_MS)).unref();
}

/** Messages of a topic that are still on their way, each with its own delay: at the usual pace well within their lease. */
const underWay = new Map<string, { message: unknown; dueAt: number }[]>();

/** Of those that were pulled, now and before, the ones that have arrived by now, in any order. */
function arrived<T>(topic: string, pulled: readonly T[]): T[] {
  const now = Date.now();
  const known = underWay.get(topic) ?? [];
  const all = [...known, ...pulled.map((message) => ({ message, dueAt: now + dice.between(0, SHUFFLE_MS) }))];
  const due = all.filter(({ dueAt }) => dueAt <= now);
  underWay.set(
    topic,
    all.filter((it) => !due.includes(it)),
  );
  return dice.shuffled(due.map(({ message }) => message as T));
}

// Before anything of the product is imported: a build may change its sources.
const build = await loadBuild();
const { runProcess } = await import('../../src/main/process.ts');
const { BRIDGE_PROCESS, startBridge } = await import('../../src/main/start-bridge.ts');

await runProcess(BRIDGE_PROCESS, (context) =>
  startBridge(context, {
    db: build.db,
    pubsub: (pubsub) => ({
      ...pubsub,
      async publish(topic, messages) {
        await pubsub.publish(topic, SHUFFLE_MS > 0 ? dice.shuffled(messages) : messages);
        if (SHUFFLE_MS > 0) for (const message of messages) repeat(() => pubsub.publish(topic, [message]));
        await pass('S3', { topic });
      },
      async pull(topic, limit) {
        const messages = await pubsub.pull(topic, limit);
        return SHUFFLE_MS > 0 && messages !== null ? arrived(topic, messages) : messages;
      },
      async acknowledge(topic, message) {
        await pass('S4', { topic });
        await pubsub.acknowledge(topic, message);
      },
    }),
    temporal: (temporal) => ({
      ...temporal,
      async signalOrder(orderId, signal) {
        await pass('S13', { at: 'signalling', orderId, signal: signal.name });
        return temporal.signalOrder(orderId, signal);
      },
    }),
  }),
);
