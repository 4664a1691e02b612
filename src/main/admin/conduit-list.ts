import type { ConduitClient } from '../../clients/conduit/client.ts';
import { attemptReference, orderIdOfReference } from '../../domain/ids.ts';
import type { Instant } from '../../domain/order.ts';
import type { ProviderOrder } from '../../domain/provider-order.ts';
import { CommandError } from '../command.ts';
import type { PatientAsk } from './conduit.ts';

/** What the list shows under one reference of our form; more than one order there is more than one reading. */
export interface ListedAttempt {
  readonly orderId: string;
  readonly attempt: number;
  readonly reference: string;
  readonly orders: readonly ProviderOrder[];
}

export interface Listed {
  readonly ours: readonly ListedAttempt[];
  /** Orders under no reference of our form: somebody else's. */
  readonly foreign: readonly ProviderOrder[];
  /** Items that could not be read as orders: one of ours may be among them. */
  readonly unreadable: number;
  readonly pages: number;
}

/** A hundred thousand orders: what fits into memory, and a few minutes of asking. */
const MAX_PAGES = 1_000;

/** Reads Conduit's orders created in a span of time, all pages. Throws {@link CommandError} when there are too many. */
export async function listOrdersOf(
  conduit: Pick<ConduitClient, 'listOrders'>,
  { ask }: Pick<PatientAsk, 'ask'>,
  span: { readonly createdFrom: Instant; readonly createdTo?: Instant },
): Promise<Listed> {
  const byReference = new Map<string, Map<string, ProviderOrder>>();
  const foreign = new Map<string, ProviderOrder>();
  const readPage = (cursor: string | null) => ask(() => conduit.listOrders({ ...span, ...(cursor && { cursor }) }));
  let unreadable = 0;
  let cursor: string | null = null;
  for (let pages = 1; pages <= MAX_PAGES; pages += 1) {
    const page = await readPage(cursor);
    unreadable += page.unreadable;
    for (const { order } of page.orders) {
      if (!parseReference(order.reference)) foreign.set(order.id, order);
      else if (order.reference !== null) {
        // By id, so that one that a moving list shows twice is no twin.
        const orders = byReference.get(order.reference) ?? new Map<string, ProviderOrder>();
        byReference.set(order.reference, orders.set(order.id, order));
      }
    }
    cursor = page.nextCursor;
    if (cursor === null) return { ours: attemptsOf(byReference), foreign: [...foreign.values()], unreadable, pages };
  }
  throw new CommandError(
    `Conduit has more than ${MAX_PAGES * 100} orders of that time, and nothing was stored. Take it in parts with --until, the oldest first.`,
  );
}

function attemptsOf(byReference: ReadonlyMap<string, ReadonlyMap<string, ProviderOrder>>): ListedAttempt[] {
  return [...byReference].flatMap(([reference, orders]) => {
    const parsed = parseReference(reference);
    return parsed ? [{ ...parsed, reference, orders: [...orders.values()] }] : [];
  });
}

/** The attempt that a reference names; null unless it is exactly what we would have sent. */
function parseReference(reference: string | null): { orderId: string; attempt: number } | null {
  const orderId = reference === null ? null : orderIdOfReference(reference);
  if (reference === null || orderId === null) return null;
  const attempt = Number(reference.slice(orderId.length + ':g'.length));
  return attempt > 0 && attemptReference(orderId, attempt) === reference ? { orderId, attempt } : null;
}
