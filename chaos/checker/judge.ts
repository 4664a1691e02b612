import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Evidence, readEvidence } from './evidence.ts';
import { judgeAcceptedOnce } from './laws/acceptance.ts';
import { judgeAgreement } from './laws/agreement.ts';
import { judgeAlarms } from './laws/alarms.ts';
import { judgeAnswers } from './laws/answers.ts';
import { judgeCancels } from './laws/cancels.ts';
import { judgeEffort } from './laws/effort.ts';
import { judgeFailures } from './laws/failures.ts';
import { judgeFindings } from './laws/findings.ts';
import { judgeIsolation } from './laws/isolation.ts';
import { judgeMessages } from './laws/messages.ts';
import { judgeNoneLost } from './laws/none-lost.ts';
import { judgeOnce } from './laws/once.ts';
import { judgePaths } from './laws/paths.ts';
import { judgeWatching } from './laws/quotes.ts';
import { judgeRecovery } from './laws/recovery.ts';
import { judgeRefusals } from './laws/refusals.ts';
import { judgeReplay } from './laws/replay.ts';
import { judgeRuns } from './laws/runs.ts';
import { judgeSecrecy } from './laws/secrecy.ts';
import { judgeSubstance } from './laws/substance.ts';
import { judgeDecimals, judgeTerms } from './laws/terms.ts';
import { countDeliveredLate, judgeTime } from './laws/time.ts';
import { broken, type Violation } from './verdict.ts';

const LAWS = [
  judgeDecimals,
  judgeOnce,
  judgeNoneLost,
  judgeTerms,
  judgeTime,
  judgeCancels,
  judgeAcceptedOnce,
  judgeAgreement,
  judgeAlarms,
  judgeRuns,
  judgePaths,
  judgeAnswers,
  judgeRefusals,
  judgeFailures,
  judgeMessages,
  judgeIsolation,
  judgeReplay,
  judgeEffort,
  judgeWatching,
  judgeRecovery,
  judgeSubstance,
  judgeSecrecy,
  judgeFindings,
];

export interface Verdict {
  readonly statuses: readonly { readonly orderId: string; readonly status: string }[];
  /** Requests that took effect after the expiry, and that nobody can answer for: the network had kept them for long. */
  readonly deliveredLate: number;
  readonly violations: readonly Violation[];
}

/** Judges a folder of evidence, and leaves the verdict in it. */
export function judge(dir: string): Verdict {
  const evidence = readEvidence(dir);
  const statuses = evidence.orders.map(({ orderId, status }) => ({ orderId, status }));
  const violations = LAWS.flatMap((law) => asked(law, evidence));
  const verdict = { statuses, deliveredLate: countDeliveredLate(evidence), violations };
  writeFileSync(join(dir, 'verdict.json'), `${JSON.stringify(verdict, null, 2)}\n`);
  return verdict;
}

/** A law that stumbles over what it is shown has not been kept: unreadable evidence may hide anything, and proves nothing in particular. */
function asked(law: (evidence: Evidence) => Violation[], evidence: Evidence): Violation[] {
  try {
    return law(evidence);
  } catch (error) {
    return [
      broken('I14', null, `${law.name} could not be asked: ${error instanceof Error ? error.message : 'it threw'}`),
    ];
  }
}

/** How many orders ended in each status. */
export function outcomesIn(statuses: Verdict['statuses']): Record<string, number> {
  const outcomes: Record<string, number> = {};
  for (const { status } of statuses) outcomes[status] = (outcomes[status] ?? 0) + 1;
  return outcomes;
}
