import { randomUUID } from 'node:crypto';
import { PubSub } from '@google-cloud/pubsub';
import { connectPubsub } from '../../src/clients/pubsub.ts';

/** The emulator's address, as `npm test` gives it. */
export function emulatorHost(): string {
  const host = process.env['PUBSUB_EMULATOR_HOST'];
  if (!host) throw new Error('PUBSUB_EMULATOR_HOST is not set: run the tests by npm test');
  return host;
}

export interface ParkedMessage {
  readonly data: Buffer;
  readonly attributes: Readonly<Record<string, string>>;
}

/**
 * A Pub/Sub project of the test's own: topics and subscriptions that nobody else sees. `sends` publishes any bytes, `parked`
 * returns what came to a topic's dead letters since the beginning.
 */
export function createTestProject(host = emulatorHost()) {
  const projectId = `test-${randomUUID().slice(0, 18)}`;
  const client = connectPubsub({ projectId, emulatorHost: host });
  const admin = new PubSub({ projectId, apiEndpoint: host, emulatorMode: true, universeDomain: 'googleapis.com' });
  const taken = new Map<string, ParkedMessage[]>();
  const listening = new Map<string, ReturnType<typeof admin.subscription>>();

  return {
    projectId,
    client,
    admin,
    async send(topic: string, payload: unknown, attributes: Record<string, string> = {}): Promise<void> {
      const data = Buffer.isBuffer(payload) ? payload : Buffer.from(JSON.stringify(payload));
      await client.publish(topic, [{ data, attributes }]);
    },
    parked(topic: string): readonly ParkedMessage[] {
      const parked = taken.get(topic) ?? [];
      taken.set(topic, parked);
      if (!listening.has(topic)) {
        const subscription = admin.subscription(`${topic}.dead-letter.hold`);
        listening.set(topic, subscription);
        subscription.on('error', () => {});
        subscription.on('message', (message) => {
          parked.push({ data: message.data, attributes: message.attributes });
          message.ack();
        });
      }
      return parked;
    },
    async close(): Promise<void> {
      await Promise.allSettled([...listening.values()].map((subscription) => subscription.close()));
      await Promise.allSettled([client.close(), admin.close()]);
    },
  };
}

export type TestProject = ReturnType<typeof createTestProject>;
