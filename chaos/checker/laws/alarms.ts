// I1, I7 and I14, as the service itself saw them: what it calls a person for because money moved that it had not sent, and what it cannot do.
import type { Page } from '../../../src/metrics.ts';
import { type Evidence, orderOf } from '../evidence.ts';
import { broken, type Invariant, type Violation } from '../verdict.ts';
import type { Fact } from '../witnesses.ts';

interface Harm {
  readonly law: Invariant;
  /** A fact of the ledger that shows a fault of the provider's, which alone excuses it: of the same order, where one is named. */
  readonly unless?: (fact: Fact) => boolean;
}

/** The others are the provider's doing, and what experiments make it do: absurd rates, partial effects. */
const HARMS = new Map<string, Harm>(
  Object.entries({
    orphan_executed: { law: 'I1' },
    late_execute_reply: { law: 'I1' },
    claimed_without_execute: { law: 'I1' },
    executed_without_execute: { law: 'I1' },
    settled_differs_from_lock: { law: 'I7' },
    two_orders_under_reference: { law: 'I1', unless: ({ twinOf }: Fact) => twinOf !== undefined },
    auto_execute_ignored: { law: 'I1', unless: ({ by }: Fact) => by === 'auto' },
  } satisfies Partial<Record<Page, Harm>>),
);

export function judgeAlarms(evidence: Evidence): Violation[] {
  return [...judgeCalls(evidence), ...judgeActivities(evidence)];
}

/** What a step of an order cannot do, and no outage explains, is a bug, also where a later try hides it. */
function judgeActivities({ failedActivities }: Evidence): Violation[] {
  const [first] = failedActivities;
  if (first === undefined) return [];
  const of = (name: string) => new RegExp(`"${name}":"((?:[^"\\\\]|\\\\.)*)"`).exec(first)?.[1] ?? '?';
  const what = `${of('activity')}: ${of('message')}`;
  return [broken('I14', null, `${failedActivities.length} activities of orders or orphans failed, the first ${what}`)];
}

function judgeCalls({ events, pauses, history, ledger }: Evidence): Violation[] {
  // At rest the pauses are lifted: what each was for is in the note of who lifted it.
  const lifted = history.flatMap((entry) =>
    entry.kind === 'system' && entry.what === 'an operator resumes' ? String(entry.detail['reason']) : [],
  );
  const alarm = (why: string, orderId: string | null): Violation[] => {
    const harm = HARMS.get(why);
    const its = orderId === null ? ledger : ledger.filter(({ reference }) => orderOf(reference) === orderId);
    if (!harm || (harm.unless && its.some(harm.unless))) return [];
    return [broken(harm.law, orderId, `people were called: ${why}`)];
  };
  return [
    ...events.flatMap(({ orderId, pages }) => pages.flatMap((page) => alarm(page, orderId))),
    ...[...pauses.map(({ reason }) => reason), ...lifted].flatMap((reason) => alarm(reason, null)),
  ];
}
