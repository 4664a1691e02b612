import { INVARIANTS } from '../checker/verdict.ts';
import type { Result } from '../experiments/run-experiment.ts';

/** An experiment that could not be run, and why. It never counts as passed. */
export interface NotRun {
  readonly id: string;
  readonly title: string;
  readonly why: string;
}

/** All runs of one experiment, added up. */
interface Row {
  readonly id: string;
  readonly title: string;
  readonly runs: number;
  readonly orders: number;
  readonly faults: number;
  readonly violations: number;
  readonly recovery: readonly number[];
}

function rowsOf(results: readonly Result[]): Row[] {
  const ids = [...new Set(results.map(({ id }) => id))];
  return ids.map((id) => {
    const runs = results.filter((result) => result.id === id);
    const sum = (of: (result: Result) => number) => runs.reduce((total, result) => total + of(result), 0);
    return {
      id,
      title: runs[0]?.title ?? '',
      runs: runs.length,
      orders: sum(({ orders }) => orders),
      faults: sum(({ faults }) => faults),
      violations: sum(({ violations, rested }) => Math.max(violations.length, rested ? 0 : 1)),
      recovery: runs.flatMap(({ recoveryMs }) => recoveryMs ?? []).toSorted((a, b) => a - b),
    };
  });
}

/** The nearest-rank percentile of sorted numbers, in seconds. */
function percentile(sorted: readonly number[], share: number): string {
  const value = sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
  return value === undefined ? '–' : `${(value / 1_000).toFixed(1)} s`;
}

const HEADERS = ['experiment', 'what is broken', 'runs', 'orders', 'faults', 'violations', 'recovery p50', 'p99'];

function cellsOf(row: Row): string[] {
  const { id, title, runs, orders, faults, violations, recovery } = row;
  return [
    id,
    title,
    ...[runs, orders, faults, violations].map(String),
    percentile(recovery, 0.5),
    percentile(recovery, 0.99),
  ];
}

/** For the terminal. */
export function textTable(results: readonly Result[], notRun: readonly NotRun[]): string {
  const cells = [HEADERS, ...rowsOf(results).map(cellsOf)];
  const widths = HEADERS.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  const lines = cells.map((row) =>
    row.map((cell, i) => (i < 2 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join('  '),
  );
  return [...lines, ...notRun.map(({ id, why }) => `${id}  not run: ${why}`)].join('\n');
}

/** What came of one experiment, `count` being its place in the run. */
export function lineOf(result: Result, count: string): string {
  const { id, seed, title, orders, outcomes, faults, violations, recoveryMs, rested, seconds: took } = result;
  const ends = Object.entries(outcomes).map(([status, number]) => `${number} ${status}`);
  const mark = violations.length === 0 && rested ? '✓' : '✗';
  const recovery = recoveryMs === null ? 'not recovered' : `recovered in ${(recoveryMs / 1_000).toFixed(1)} s`;
  const head = `${mark} ${count} ${id} seed ${seed}: ${title}\n    ${orders} orders (${ends.join(', ')}), ${faults} faults, ${violations.length} violations, ${recovery}, ${took} s`;
  const shown = violations
    .slice(0, 8)
    .map(({ invariant, orderId, text }) => `    ${invariant} ${orderId ?? ''} ${text}`);
  const late = lateWords([result]).map((words) => `    ${words}`);
  const where = violations.length > 0 ? [`    evidence: ${result.dir}`] : [];
  return [head, ...(rested ? [] : ['    it did not come to rest']), ...shown, ...late, ...where].join('\n');
}

export function summaryLine(results: readonly Result[]): string {
  const rows = rowsOf(results);
  const sum = (of: (row: Row) => number) => rows.reduce((total, row) => total + of(row), 0);
  return `chaos: ${rows.length} experiments, ${sum((r) => r.orders)} orders, ${sum((r) => r.faults)} faults, ${sum((r) => r.violations)} violations`;
}

/** Nothing where there was none. */
function lateWords(results: readonly Result[]): string[] {
  const count = results.reduce((sum, { deliveredLate }) => sum + deliveredLate, 0);
  return count === 0
    ? []
    : [`${count} requests took effect after an expiry, delivered long after they were given up: counted apart.`];
}

/** A page for docs/. */
export function markdownPage(
  results: readonly Result[],
  notRun: readonly NotRun[],
  about: string,
  title = 'Results of the chaos runs',
): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const table = [line(HEADERS), line(HEADERS.map(() => '---')), ...rowsOf(results).map((row) => line(cellsOf(row)))];
  const missing = notRun.map(({ id, title, why }) => `- ${id}, ${title}: ${why}`);
  const laws = Object.entries(INVARIANTS).map(([id, name]) => `${id} ${name}`);
  return [
    `# ${title}`,
    '',
    `${about} [Chaos](chaos.md) says what each experiment does and how it is judged: ${laws.join(', ')}.`,
    '',
    ...table,
    '',
    ...lateWords(results).flatMap((words) => [words, '']),
    ...(missing.length > 0 ? ['Not run:', '', ...missing, ''] : []),
    `\`${summaryLine(results)}\``,
    '',
  ].join('\n');
}
