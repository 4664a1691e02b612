import type { Deed, When } from './history.ts';
import { cancelOrder } from './records.ts';
import { liveAttempt } from './tables.ts';
import { isClaimed } from './their-orders.ts';
import type { World } from './world.ts';

/** An expiry further away than this is not waited for: nothing new would happen in between. */
export const LONG_MS = 7_200_000;

/** When a command is due that follows one done at `now`. */
export function dueAt({ now, tables, timing }: World, when: When): number {
  if (when.kind === 'after') return now + when.ms;
  const { expiresAt } = tables.order;
  if (expiresAt > now + LONG_MS) return now + Math.abs(when.ms);
  const at = (when.what === 'fence' ? expiresAt - timing.sendMarginMs : expiresAt) + when.ms;
  return Math.max(now, at);
}

/** Does to the world what a command says. What it does to the run itself is its driver's: see {@link Deed}. */
export function perform(world: World, deed: Deed): void {
  world.note(() => `— ${JSON.stringify(deed)}`);
  const { conduit, tables } = world;
  switch (deed.kind) {
    case 'price':
      world.setRate(deed.offset);
      return;
    case 'customer_cancels':
      cancelOrder(world);
      world.tell('orderChanged');
      return;
    case 'operator_cancels':
      world.tell('cancelRequested');
      return;
    case 'send_faults':
      world.sendFaults[deed.call].push(...deed.faults);
      return;
    case 'look_faults':
      for (let count = 0; count < deed.count; count += 1) world.lookFaults.push(deed.fault);
      return;
    case 'quote_faults':
      for (let count = 0; count < deed.count; count += 1) world.quoteFaults.push(deed.fault);
      return;
    case 'lock':
      conduit.twists.push(deed.twist);
      return;
    case 'ends': {
      const claimed = deed.isNow ? conduit.orders.find(isClaimed) : undefined;
      if (claimed) conduit.end(claimed, deed.end);
      else conduit.ends.push(deed.end);
      return;
    }
    case 'freeze':
      world.addMishap(deed.at, deed.ms);
      return;
    case 'crash':
      world.addMishap(deed.at, null);
      return;
    case 'pause':
      world.pause();
      return;
    case 'resume':
      world.resume();
      return;
    case 'account':
      tables.areAccountsActive = deed.isActive;
      return;
    case 'funds':
      conduit.hasFunds = deed.areThere;
      return;
    case 'others_cancel':
      conduit.cancelByOthers();
      return;
    case 'others_claim':
      conduit.claimByOthers();
      return;
    case 'webhook':
      hastenLookups(world);
      world.tell('conduitOrderChanged');
      return;
    case 'worker_dies':
      world.die();
      return;
    case 'run_ends':
      return;
  }
}

/** `hastenLookups`: a webhook spoke of the order. */
function hastenLookups(world: World): void {
  const live = liveAttempt(world.tables);
  for (const attempt of world.tables.attempts) {
    const isOrphan = attempt.orphanUntil !== null && attempt.orphanClosedAt === null;
    if (attempt !== live && !isOrphan) continue;
    if (attempt.nextLookupAt !== null) attempt.nextLookupAt = Math.min(attempt.nextLookupAt, world.now);
  }
  world.followOrphans();
}
