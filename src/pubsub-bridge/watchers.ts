import type { Temporal } from '../clients/temporal.ts';

/**
 * Keeps the watchers of the pairs running, with one signal per pair and interval however many orders arrive: a signal costs the
 * watcher's history an event. A call that failed is not remembered, and the messages that shared it are delivered again.
 */
export function createWatcherCalls(
  temporal: Pick<Temporal, 'signalWithStartWatcher'>,
  intervalMs: number,
  clock = () => performance.now(),
) {
  const calls = new Map<string, { readonly atMs: number; readonly done: Promise<void> }>();

  return async function keepWatching(pair: string): Promise<void> {
    const last = calls.get(pair);
    if (last && clock() - last.atMs < intervalMs) return last.done;
    const call = { atMs: clock(), done: temporal.signalWithStartWatcher(pair) };
    calls.set(pair, call);
    try {
      await call.done;
    } catch (error) {
      if (calls.get(pair) === call) calls.delete(pair);
      throw error;
    }
  };
}
