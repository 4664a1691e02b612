type Entry = { dueMs: number; run: () => void };

/**
 * The simulator's one source of time. It follows the machine's clock plus an offset that an experiment may move; whatever
 * is scheduled here moves along, so that five minutes of quote life can pass in an instant.
 */
export type Clock = {
  nowMs(): number;
  nowIso(): string;
  /** Runs `run` once the clock has reached `dueMs`; returns a function that calls it off. */
  at(dueMs: number, run: () => void): () => void;
  offsetMs(): number;
  setOffset(offsetMs: number): void;
  /** Calls everything off; nothing scheduled later runs either. */
  stop(): void;
};

// setTimeout treats a longer delay as 1 ms, so a far due time is reached in several naps.
const LONGEST_NAP_MS = 2 ** 31 - 1;

export function createClock(machineMs: () => number = Date.now): Clock {
  const agenda = new Set<Entry>();
  let offset = 0;
  let nap: NodeJS.Timeout | undefined;
  let napDueMs = Number.POSITIVE_INFINITY;
  let stopped = false;

  const nowMs = (): number => machineMs() + offset;

  function wakeAtNext(): void {
    clearTimeout(nap);
    napDueMs = Number.POSITIVE_INFINITY;
    if (stopped || agenda.size === 0) return;
    for (const entry of agenda) napDueMs = Math.min(napDueMs, entry.dueMs);
    nap = setTimeout(runDue, Math.min(Math.max(napDueMs - nowMs(), 0), LONGEST_NAP_MS));
  }

  function runDue(): void {
    const now = nowMs();
    // In the order of their due times, as if the clock had walked through them one by one.
    const due = [...agenda].filter((entry) => entry.dueMs <= now).sort((a, b) => a.dueMs - b.dueMs);
    for (const entry of due) {
      // An earlier one of this round may have called this one off, or stopped the clock.
      if (!stopped && agenda.delete(entry)) entry.run();
    }
    wakeAtNext();
  }

  return {
    nowMs,
    nowIso: () => new Date(nowMs()).toISOString(),
    at(dueMs, run) {
      const entry = { dueMs, run };
      if (!stopped) agenda.add(entry);
      if (dueMs < napDueMs) wakeAtNext();
      return () => agenda.delete(entry);
    },
    offsetMs: () => offset,
    setOffset(offsetMs) {
      offset = offsetMs;
      wakeAtNext();
    },
    stop() {
      stopped = true;
      agenda.clear();
      clearTimeout(nap);
    },
  };
}
