import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readEvidence } from './evidence.ts';
import { judgeEffort, judgeRecovery, judgeReplay, judgeSecrecy } from './laws/conduct.ts';
import { judgeAmounts, judgeExecutions } from './laws/executions.ts';
import { judgeFindings } from './laws/findings.ts';
import {
  judgeAcceptedOnce,
  judgeAgreement,
  judgeCancels,
  judgeIsolation,
  judgeNoneLost,
  judgePaths,
} from './laws/orders.ts';
import type { Violation } from './verdict.ts';

const LAWS = [
  judgeExecutions,
  judgeNoneLost,
  judgeCancels,
  judgeAcceptedOnce,
  judgeAmounts,
  judgeAgreement,
  judgePaths,
  judgeIsolation,
  judgeReplay,
  judgeEffort,
  judgeRecovery,
  judgeSecrecy,
  judgeFindings,
];

export interface Verdict {
  readonly statuses: readonly { readonly orderId: string; readonly status: string }[];
  readonly violations: readonly Violation[];
}

/** Judges a folder of evidence, and leaves the verdict in it. */
export function judge(dir: string): Verdict {
  const evidence = readEvidence(dir);
  const statuses = evidence.orders.map(({ orderId, status }) => ({ orderId, status }));
  const verdict = { statuses, violations: LAWS.flatMap((law) => law(evidence)) };
  writeFileSync(join(dir, 'verdict.json'), `${JSON.stringify(verdict, null, 2)}\n`);
  return verdict;
}

/** How many orders ended in each status. */
export function outcomesIn(statuses: Verdict['statuses']): Record<string, number> {
  const outcomes: Record<string, number> = {};
  for (const { status } of statuses) outcomes[status] = (outcomes[status] ?? 0) + 1;
  return outcomes;
}
