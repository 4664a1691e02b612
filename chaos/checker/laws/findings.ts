import type { Evidence } from '../evidence.ts';
import { broken, INVARIANTS, type Invariant, type Violation } from '../verdict.ts';

/** What an experiment saw with its own eyes: the answer to a forged webhook, a process that did not end in time. */
export function judgeFindings({ history }: Evidence): Violation[] {
  return history
    .filter((entry) => entry.kind === 'finding')
    .map(({ invariant, text, experiment }) =>
      broken(invariant in INVARIANTS ? (invariant as Invariant) : 'I14', null, `${experiment}: ${text}`),
    );
}
