// The workflows that a worker offers: Temporal bundles from here.
export { orderWorkflow } from './order.ts';
export { rateWatchWorkflow } from './rate-watch.ts';
export { orphansWorkflow, reconcileWorkflow } from './reconcile.ts';
