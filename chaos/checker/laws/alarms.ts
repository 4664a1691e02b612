// I1 and I7, as the service itself saw them: what it calls a person for because money moved that it had not sent.
import type { Evidence } from '../evidence.ts';
import { broken, type Invariant, type Violation } from '../verdict.ts';
import type { Fact } from '../witnesses.ts';

/** The others are the provider's doing, and what experiments make it do: absurd rates, partial effects. */
const HARM: Readonly<Record<string, Invariant>> = {
  orphan_executed: 'I1',
  late_execute_reply: 'I1',
  claimed_without_execute: 'I1',
  executed_without_execute: 'I1',
  settled_differs_from_lock: 'I7',
  two_orders_under_reference: 'I1',
  auto_execute_ignored: 'I1',
};

/** What only a fault of the provider's can excuse, and the fact of its ledger that shows it. */
const UNLESS: Readonly<Record<string, (fact: Fact) => boolean>> = {
  two_orders_under_reference: ({ twinOf }) => twinOf !== undefined,
  auto_execute_ignored: ({ by }) => by === 'auto',
};

export function judgeAlarms({ events, pauses, history, ledger }: Evidence): Violation[] {
  // At rest the pauses are lifted: what each was for is in the note of who lifted it.
  const lifted = history.flatMap((entry) =>
    entry.kind === 'system' && entry.what === 'an operator resumes' ? String(entry.detail['reason']) : [],
  );
  const alarm = (why: string, orderId: string | null): Violation[] => {
    const isCaused = Object.hasOwn(UNLESS, why) && ledger.some((fact) => UNLESS[why]?.(fact));
    const invariant = Object.hasOwn(HARM, why) && !isCaused ? HARM[why] : undefined;
    return invariant === undefined ? [] : [broken(invariant, orderId, `people were called: ${why}`)];
  };
  return [
    ...events.flatMap(({ orderId, pages }) => pages.flatMap((page) => alarm(page, orderId))),
    ...[...pauses.map(({ reason }) => reason), ...lifted].flatMap((reason) => alarm(reason, null)),
  ];
}
