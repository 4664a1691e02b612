import type { Temporal } from '../clients/temporal.ts';
import type { Database } from '../db/client.ts';
import { followIfToldOfMoney, hastenLookups } from '../db/conduit-hints.ts';
import { findOrder } from '../db/orders.ts';
import type { Topic } from '../db/outbox.ts';
import { isTerminalOrder } from '../domain/order.ts';
import { conduitOrderChanged, orderChanged } from '../workflows/messages.ts';
import type { Envelope } from './envelope.ts';

/**
 * What a message came to. `started`: the order has a run, new or old. `closed`: its run completed although the row is open;
 * `no_run`: there is none to tell. Of both the reconciler judges by the row. `unknown_order` is parked.
 */
export type Effect = 'started' | 'closed' | 'finished' | 'signalled' | 'no_run' | 'ignored' | 'unknown_order';

export interface HandlerDeps {
  readonly db: Database;
  readonly temporal: Pick<Temporal, 'startOrder' | 'signalOrder'>;
  readonly keepWatching: (pair: string) => Promise<void>;
}

export type Handlers = { readonly [T in Topic]: (envelope: Envelope<T>) => Promise<Effect> };

/**
 * What each message does. Every one may come twice, late or out of order: the row decides what is still to be done, a start
 * meets the run that is there, and a signal only says "look".
 */
export function createHandlers({ db, temporal, keepWatching }: HandlerDeps): Handlers {
  return {
    async 'order-checks'({ order_id }) {
      const order = await findOrder(db, order_id);
      // The message was written in the transaction that wrote the row: without a row it is not ours, and never will be.
      if (!order) return 'unknown_order';
      if (isTerminalOrder(order.status)) return 'finished';
      const run = await temporal.startOrder(order, 'bridge');
      await keepWatching(order.pair);
      return run === 'running' ? 'started' : 'closed';
    },

    async 'order-changes'({ order_id, actor }) {
      // The run itself wrote this change.
      if (actor === 'workflow') return 'ignored';
      return temporal.signalOrder(order_id, orderChanged);
    },

    async 'conduit-events'({ order_id, event_id }) {
      // First the row: a run that is not there to be signalled finds it when it begins.
      await hastenLookups(db, order_id);
      await followIfToldOfMoney(db, order_id, event_id);
      return temporal.signalOrder(order_id, conduitOrderChanged);
    },
  };
}
