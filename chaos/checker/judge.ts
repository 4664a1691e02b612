import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readEvidence } from './evidence.ts';
import { judgeEffort, judgeRecovery, judgeReplay, judgeSecrecy } from './laws/conduct.ts';
import { judgeAmounts, judgeExecutions } from './laws/executions.ts';
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
];

export interface Verdict {
  readonly orders: number;
  readonly outcomes: Readonly<Record<string, number>>;
  readonly violations: readonly Violation[];
}

/** Judges a folder of evidence, and leaves the verdict in it. */
export function judge(dir: string): Verdict {
  const evidence = readEvidence(dir);
  const outcomes: Record<string, number> = {};
  for (const { status } of evidence.orders) outcomes[status] = (outcomes[status] ?? 0) + 1;
  const verdict = { orders: evidence.orders.length, outcomes, violations: LAWS.flatMap((law) => law(evidence)) };
  writeFileSync(join(dir, 'verdict.json'), `${JSON.stringify(verdict, null, 2)}\n`);
  return verdict;
}
