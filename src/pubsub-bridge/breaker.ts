import type { Logger } from '../logger.ts';
import type { Metrics } from '../metrics.ts';
import { withDeadline } from './deadline.ts';
import { type Loop, startLoop } from './loop.ts';

/** What the handlers cannot do without, by the name that readiness shows. A false or a throw means "away". */
export type Dependencies = Readonly<Record<string, () => Promise<boolean>>>;

export interface BreakerDeps {
  readonly dependencies: Dependencies;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** The subscribers look at `isPaused` again at once. */
  readonly onChange: () => void;
  readonly probeEveryMs?: number;
  /** A clock that never goes back, in milliseconds. */
  readonly clock?: () => number;
}

const PROBE_EVERY_MS = 2_000;
/** A connection that is half dead answers nothing, and would say so after minutes. */
const PROBE_DEADLINE_MS = 5_000;
/** Handlers in a row that failed by a dependency which nevertheless answers its probe. */
const MAX_FAILURES = 3;
/** The pause after such failures doubles from one second up to this, until a handler succeeds. */
const MAX_HOLD_MS = 60_000;

export type Breaker = ReturnType<typeof createBreaker>;

/**
 * Stops the taking of messages while what they need is away. A message that is taken and given back spends one of its delivery
 * attempts, so an outage would send every order to the dead letters. Paused until every dependency has answered once.
 */
export function createBreaker(deps: BreakerDeps) {
  const { dependencies, log, metrics, onChange, probeEveryMs = PROBE_EVERY_MS, clock = () => performance.now() } = deps;
  let away = new Set(Object.keys(dependencies));
  let isPaused = true;
  let failures = 0;
  let holds = 0;
  let heldUntilMs = 0;
  let loop: Loop | null = null;

  async function probe(): Promise<number> {
    const answers = await Promise.all(
      Object.entries(dependencies).map(async ([name, ask]) =>
        (await withDeadline(ask(), PROBE_DEADLINE_MS).catch(() => false)) ? null : name,
      ),
    );
    away = new Set(answers.filter((name) => name !== null));
    if (away.size > 0) pause([...away].join(','));
    else if (clock() >= heldUntilMs) resume();
    return probeEveryMs;
  }
  function pause(code: string): void {
    if (isPaused) return;
    isPaused = true;
    metrics.bridgePaused.set(1);
    log.warn({ event: 'bridge_paused', code }, 'taking no messages');
    onChange();
  }
  function resume(): void {
    if (!isPaused) return;
    isPaused = false;
    failures = 0;
    metrics.bridgePaused.set(0);
    log.info({ event: 'bridge_resumed' }, 'taking messages');
    onChange();
  }
  return {
    isPaused: () => isPaused,
    /** For readiness: whether the dependency answered when it was last asked. */
    isAnswering: (name: string) => !away.has(name),
    succeeded(): void {
      failures = 0;
      holds = 0;
    },
    /** A handler could not reach what it needs. The probe decides at once; if all seems well, several in a row pause too. */
    failed(): void {
      failures += 1;
      if (failures >= MAX_FAILURES && !isPaused) {
        heldUntilMs = clock() + Math.min(1_000 * 2 ** holds, MAX_HOLD_MS);
        holds += 1;
        pause('failures');
      }
      loop?.wake();
    },
    start(): void {
      metrics.bridgePaused.set(1);
      loop = startLoop({ name: 'breaker', log, work: probe });
    },
    async stop(): Promise<void> {
      await loop?.stop();
    },
  };
}
