import type { FaultNote, SystemNote } from '../evidence/history.ts';
import type { Evidence } from './evidence.ts';

/**
 * What was done to our own processes, to what they stand on, or to the lines between them, by the words of its note. What only
 * troubles the market, the messages or the provider's answers keeps nobody from hearing and remembering.
 */
const STRIKES =
  /\b(kill|freeze|part|cut|stall|SIGTERM|down|no worker|replies are lost|volume is full|deploy|restart|a clock)\b/;

export const isStrike = ({ what }: FaultNote): boolean => STRIKES.test(what);

/** The beginnings of such strikes. */
export function strikesIn(history: Evidence['history']): FaultNote[] {
  return struckIn(history).filter(({ phase }) => phase !== 'end');
}

/** Their beginnings and their ends. */
export function struckIn(history: Evidence['history']): FaultNote[] {
  return history.filter((entry): entry is FaultNote => entry.kind === 'fault' && isStrike(entry));
}

/** From when until when such a strike lasted, where it did: what is asked for meanwhile may never be heard. */
export function outagesIn(history: Evidence['history']): { readonly from: number; readonly until: number }[] {
  const notes = struckIn(history);
  return notes.flatMap(({ phase, what, at }) => {
    if (phase !== 'begin') return [];
    const end = notes.find((it) => it.phase === 'end' && it.what === what && it.at >= at);
    return end ? [{ from: at, until: end.at }] : [];
  });
}

/** The ends of our processes: some experiments tell of what they have done only when it is done. */
export function endsIn(history: Evidence['history']): SystemNote[] {
  return history.filter((entry): entry is SystemNote => entry.kind === 'system' && entry.what === 'process.ended');
}

/** How long after a freeze is over what it kept from happening may still be heard of. */
const AFTER_A_FREEZE_MS = 10_000;
/** Which process has which id: of those that run already, and of those that are started. */
const RUNS = new Set(['process.runs', 'process.started']);

/** Whether the process with this id was frozen at that time, or had just been. */
export function isFrozenAt(history: Evidence['history'], pid: number, at: number): boolean {
  const runs = history.findLast(
    (entry) => entry.kind === 'system' && RUNS.has(entry.what) && entry.detail['pid'] === pid && entry.at <= at,
  ) as SystemNote | undefined;
  return history.some((entry) => {
    if (entry.kind !== 'fault' || !entry.what.startsWith('freeze')) return false;
    if (runs === undefined || entry.detail?.['process'] !== runs.detail['name']) return false;
    const ms = Number(entry.detail?.['ms'] ?? 0);
    return at >= entry.at && at <= entry.at + ms + AFTER_A_FREEZE_MS;
  });
}
