import { randomUUID } from 'node:crypto';
import type { ConduitClient } from '../../src/clients/conduit/client.ts';
import { startOfPermit } from '../../src/clients/conduit/permit-clock.ts';

/** Every request that leaves has a key of its own, as if keys were there to tell requests apart. */
export function withFreshKeys(client: ConduitClient): ConduitClient {
  return {
    ...client,
    createOrder: (send) => client.createOrder({ ...send, key: randomUUID() }),
    executeOrder: (send) => client.executeOrder({ ...send, key: randomUUID() }),
  };
}

/** However long ago it was given, a permit is as good as new when its request is about to leave. */
export function withAgelessPermits(client: ConduitClient): ConduitClient {
  return {
    ...client,
    createOrder: (send) => client.createOrder({ ...send, permitStartedAt: startOfPermit() }),
    executeOrder: (send) => client.executeOrder({ ...send, permitStartedAt: startOfPermit() }),
  };
}
