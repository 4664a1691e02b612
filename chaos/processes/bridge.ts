// The bridge with its seams: what a crash between a step of a message and its mark leaves behind.
import { runProcess } from '../../src/main/process.ts';
import { BRIDGE_PROCESS, startBridge } from '../../src/main/start-bridge.ts';
import { pass } from './seams.ts';

await runProcess(BRIDGE_PROCESS, (context) =>
  startBridge(context, {
    pubsub: (pubsub) => ({
      ...pubsub,
      async publish(topic, messages) {
        await pubsub.publish(topic, messages);
        await pass('S3', { topic });
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
