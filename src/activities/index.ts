import type { AdvanceDeps } from './advance.ts';
import { createAdvanceActivities } from './advance.ts';
import { createFirmLooks, type FirmLookDeps } from './firm-looks.ts';
import type { Activities } from './interface.ts';
import { createLookups } from './lookups.ts';
import { createOrphans, type OrphanDeps } from './orphans.ts';
import { createRateWatch, type RateWatchDeps } from './rate-watch.ts';
import { createReconcile, type ReconcileDeps } from './reconcile.ts';
import { createTransfers } from './transfers.ts';

export type ActivityDeps = AdvanceDeps &
  FirmLookDeps &
  OrphanDeps &
  RateWatchDeps &
  Omit<ReconcileDeps, 'runs'> & {
    readonly runs: RateWatchDeps['runs'] & ReconcileDeps['runs'];
  };

/** Every activity of the worker, wired. */
export function createActivities(deps: ActivityDeps): Activities {
  return {
    ...createAdvanceActivities(deps),
    ...createFirmLooks(deps),
    ...createTransfers(deps),
    ...createLookups(deps),
    ...createRateWatch(deps),
    ...createOrphans(deps),
    ...createReconcile(deps),
  };
}
