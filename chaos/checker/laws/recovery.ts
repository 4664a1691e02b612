// I14: ready again in time, at rest, with nothing left open, and no process ended but by us.
import type { Evidence } from '../evidence.ts';
import type { HandlesRow, MetricsText } from '../rows.ts';
import { strikesIn } from '../strikes.ts';
import { broken, type Violation } from '../verdict.ts';

/** After the faults the backlog is gone within this. */
export const RECOVERY_MS = 90_000;
/**
 * A process at rest holds some dozens: its pools, its listeners, its streams. This sees what leaks with every call or tick, and of what
 * leaks once an order only what hundreds of them leave.
 */
const MOST = { files: 250, handles: 150 } as const;
/** The api's customers keep their connections open for a minute, at rest, too. */
const MOST_OF_API = { files: 1_000, handles: 1_000 } as const;
/** A pool of ten a process, and at most two processes of a kind, with what an operator's command holds beside them. */
const MAX_SESSIONS = 24;

export function judgeRecovery(evidence: Evidence): Violation[] {
  const { meta } = evidence;
  const violations: Violation[] = [];
  if (meta.recoveryMs === null || meta.recoveryMs > RECOVERY_MS)
    violations.push(broken('I14', null, `not recovered ${meta.recoveryMs ?? RECOVERY_MS} ms after the last fault`));
  if (!meta.rested) violations.push(broken('I14', null, 'the system did not come to rest'));
  return [
    ...violations,
    ...judgeEnds(evidence),
    ...evidence.handles.flatMap(judgeOpen),
    ...evidence.metrics.flatMap(judgeHandles),
  ];
}

/** A process that does not find what it needs to begin ends, and is started again. It finds out within this. */
const BEGINS_WITHIN_MS = 60_000;

/** Whatever befalls what they stand on, processes that have begun stay up: one that ends by itself has a defect. */
function judgeEnds({ history }: Evidence): Violation[] {
  const strikes = strikesIn(history);
  const startedAt = new Map<unknown, number>();
  const haveBegun = new Set<unknown>();
  return history.flatMap((entry) => {
    if (entry.kind !== 'system') return [];
    const { at, what, detail } = entry;
    if (what === 'process.started') {
      startedAt.set(detail['pid'], at);
      haveBegun.delete(detail['pid']);
    }
    if (what === 'process.ready') haveBegun.add(detail['pid']);
    if (what !== 'process.ended' || detail['isAsked'] === true) return [];
    const beganAt = startedAt.get(detail['pid']) ?? Number.NEGATIVE_INFINITY;
    const wasStruck = strikes.some((strike) => strike.at > beganAt - BEGINS_WITHIN_MS && strike.at <= at);
    if (!haveBegun.has(detail['pid']) && at - beganAt < BEGINS_WITHIN_MS && wasStruck) return [];
    const { name, code, signal, error } = detail as Readonly<Record<string, string | number | null | undefined>>;
    return [broken('I14', null, `${name} ended by itself: ${error ?? signal ?? `code ${code}`}`)];
  });
}

function judgeOpen({ name, openFiles, sessions }: HandlesRow): Violation[] {
  return [
    ...tooMany(name, 'open files', openFiles ?? 0, mostOf(name).files),
    ...tooMany(name, 'sessions of its kind', sessions, MAX_SESSIONS),
  ];
}

function judgeHandles({ name, text }: MetricsText): Violation[] {
  if (text === '') return [broken('I14', null, `at rest ${name} does not tell its metrics`)];
  const line = text.split('\n').find((it) => it.startsWith('nodejs_active_handles_total'));
  const count = Number(line?.split(' ').at(-1));
  if (!Number.isFinite(count)) return [broken('I14', null, `at rest ${name} does not tell its handles`)];
  return tooMany(name, 'active handles', count, mostOf(name).handles);
}

const mostOf = (name: string) => (name === 'api' ? MOST_OF_API : MOST);

function tooMany(name: string, what: string, count: number, most: number): Violation[] {
  return count > most ? [broken('I14', null, `at rest ${name} holds ${count} ${what}, ${most} at most are due`)] : [];
}
