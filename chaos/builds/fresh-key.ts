import { randomUUID } from 'node:crypto';
import type { ConduitClient } from '../../src/clients/conduit/client.ts';

/** Every request that leaves has a key of its own, as if keys were there to tell requests apart. */
export function withFreshKeys(client: ConduitClient): ConduitClient {
  return {
    ...client,
    createOrder: (send) => client.createOrder({ ...send, key: randomUUID() }),
    executeOrder: (send) => client.executeOrder({ ...send, key: randomUUID() }),
  };
}
