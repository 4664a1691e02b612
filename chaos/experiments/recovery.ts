// How long the system takes to be well again after the last thing that was done to it, also while customers go on.
import { setTimeout as sleep } from 'node:timers/promises';
import type { History } from '../evidence/history.ts';
import { PROCESSES } from '../system/fleet.ts';
import type { System } from '../system/system.ts';

const LOOK_EVERY_MS = 500;
/** One good look may fall into the moment before a strike is felt, and a bad one into a moment of much work. */
const LOOKS_IN_A_ROW = 3;

/** One look at the system. */
export interface Look {
  readonly at: number;
  readonly isWell: boolean;
}

/** The first good look since `from` that begins a row of good ones, after which no row of bad ones has come. */
export function wellAgainSince(looks: readonly Look[], from: number): Look | undefined {
  const beginsRow = (index: number, wanted: boolean) => {
    const row = looks.slice(index, index + LOOKS_IN_A_ROW);
    return row.length === LOOKS_IN_A_ROW && row.every(({ isWell }) => isWell === wanted);
  };
  const lastIll = looks.findLastIndex((_, index) => beginsRow(index, false));
  return looks.find(({ at }, index) => at >= from && index > lastIll && beginsRow(index, true));
}

export interface RecoveryWatch {
  /** In milliseconds from the last fault; null when the system is not well from now on, nor becomes so until `giveUpAt`. */
  recovered(lastFaultAt: number, giveUpAt: number): Promise<number | null>;
  end(): Promise<void>;
}

/** Looks at the processes, and at the orders that were placed since, until its end. */
export function watchRecovery(system: System, since: number): RecoveryWatch {
  const looks: Look[] = [];
  let isOver = false;
  const watch = async () => {
    while (!isOver) {
      const at = Date.now();
      looks.push({ at, isWell: await isWell(system, since).catch(() => false) });
      await sleep(LOOK_EVERY_MS);
    }
  };
  const watching = watch();
  return {
    async recovered(lastFaultAt, giveUpAt) {
      const askedAt = Date.now();
      while (wellAgainSince(looks, askedAt) === undefined) {
        if (Date.now() > giveUpAt) return null;
        await sleep(LOOK_EVERY_MS);
      }
      const first = wellAgainSince(looks, lastFaultAt);
      return first === undefined ? null : first.at - lastFaultAt;
    },
    async end() {
      isOver = true;
      await watching;
    },
  };
}

/** When something was last done to the system, or undone; where nothing was, when it could last have been. */
export function lastFaultIn(history: History, healedAt: number): number {
  return history.entries.findLast((entry) => entry.kind === 'fault')?.at ?? healedAt;
}

/** Every process is ready, no message waits, no order is overdue, no send is unresolved. What takes a moment by right has a second. */
async function isWell(system: System, since: number): Promise<boolean> {
  const unready = await Promise.all(PROCESSES.map((name) => system.fleet.unready(name)));
  return unready.every((failed) => failed?.length === 0) && (await isDrained(system, since));
}

async function isDrained({ db }: System, since: number): Promise<boolean> {
  const from = db.typed.instant(since);
  const [row] = await db<{ waiting: number }[]>`
    select (select count(*) from outbox where published_at is null and created_at < app_now() - interval '1 second')::int
      + (select count(*) from orders where created_at >= ${from} and closed_at is null
          and (expires_at < app_now() - interval '1 second'
            or status = 'accepted' and created_at < app_now() - interval '1 second'))::int
      + (select count(*) from transactions where created_at >= ${from} and closed_at is null
          and unknown_since < app_now() - interval '1 second')::int as waiting`;
  return row?.waiting === 0;
}
