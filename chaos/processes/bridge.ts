// The bridge with its seams: what a crash between a step of a message and its mark leaves behind.
import { setTimeout as sleep } from 'node:timers/promises';
import { loadBuild } from '../builds/load-build.ts';
import { pass } from './seams.ts';

/** Up to this much later does a message come once more, where messages are to be shuffled. */
const SHUFFLE_MS = Number(process.env['CHAOS_SHUFFLE_MS'] ?? 0);

/** What the broker may do to a message: it comes again, up to four times more, late and in any order. */
function repeat(publish: () => Promise<void>): void {
  for (let copies = Math.floor(Math.random() * 5); copies > 0; copies -= 1)
    setTimeout(() => void publish().catch(() => {}), Math.random() * SHUFFLE_MS).unref();
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
        await pubsub.publish(topic, SHUFFLE_MS > 0 ? messages.toSorted(() => Math.random() - 0.5) : messages);
        if (SHUFFLE_MS > 0) for (const message of messages) repeat(() => pubsub.publish(topic, [message]));
        await pass('S3', { topic });
      },
      async pull(topic, limit) {
        const messages = await pubsub.pull(topic, limit);
        // Well within their lease.
        if (SHUFFLE_MS > 0) await sleep((Math.random() * SHUFFLE_MS) / 3);
        return SHUFFLE_MS > 0 ? (messages?.toSorted(() => Math.random() - 0.5) ?? null) : messages;
      },
      async acknowledge(topic, message) {
        await pass('S4', { topic });
        await pubsub.acknowledge(topic, message);
      },
    }),
    temporal: (temporal) => ({
      ...temporal,
      async signalOrder(orderId, signal) {
        await pass('S13', { at: 'signalling', orderId });
        return temporal.signalOrder(orderId, signal);
      },
    }),
  }),
);
