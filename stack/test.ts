// `npm test`: every test against real services, started once for the run on free ports and with data of their own.
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { lockHolder } from './data-lock.ts';
import { ALL_RUNS, type Counts, formatCounts, type JestRun, runJest, sumCounts } from './jest-runs.ts';
import { LOCAL_DIR, LOGS_DIR } from './paths.ts';
import { calledAt, seconds } from './progress.ts';
import { startServices, wipe } from './services.ts';
import { runMain, untilAskedToStop } from './shutdown.ts';

const DIR_PREFIX = 'test-data-';

async function main(): Promise<number> {
  const extraArgs = process.argv.slice(2);
  const runs: readonly JestRun[] = extraArgs.length > 0 ? [{ name: 'jest', args: extraArgs }] : ALL_RUNS;
  const stopped = new AbortController();
  const asked = untilAskedToStop();
  void asked.then(() => stopped.abort());

  removeLeftovers();
  const start = startServices({
    only: ['postgres', 'redis', 'temporal', 'pubsub'], // The tests start simulators of their own.
    ports: 'free',
    dataDir: join(LOCAL_DIR, `${DIR_PREFIX}${process.pid}`),
    logDir: join(LOGS_DIR, 'test'),
    throwAway: true,
    testServer: true,
    onCrash: (report) => {
      process.stderr.write(`\nA service ended during the tests: ${report}\n`);
      stopped.abort();
    },
  });
  const services = await Promise.race([asked, start]);
  if (typeof services === 'number') process.exit(services);

  const lines: string[] = [];
  const counts: Counts[] = [];
  try {
    for (const [index, run] of runs.entries()) {
      if (stopped.signal.aborted) break;
      const runStartedAt = performance.now();
      process.stdout.write(`\n== ${run.name}\n`);
      const resultFile = join(LOCAL_DIR, 'test-results', `${index + 1}.json`);
      const ran = await runJest(run, { env: { ...process.env, ...services.env }, resultFile, signal: stopped.signal });
      counts.push(ran);
      lines.push(`  ${run.name.padEnd(24)} ${seconds(runStartedAt).padStart(8)}  ${formatCounts(ran)}`);
    }
  } finally {
    await services.stop();
  }
  const total = sumCounts(counts);
  if (stopped.signal.aborted) lines.push('  stopped before the end');
  process.stdout.write(`\n${lines.join('\n')}\n  in all ${seconds(calledAt())}\n\n${formatCounts(total)}\n`);
  return stopped.signal.aborted || total.failed > 0 || total.passed === 0 ? 1 : 0;
}

/** Data of test runs that were killed before they could remove it. */
function removeLeftovers(): void {
  mkdirSync(LOCAL_DIR, { recursive: true });
  const names = readdirSync(LOCAL_DIR).filter((name) => name.startsWith(DIR_PREFIX));
  for (const dir of new Set(names.map((name) => join(LOCAL_DIR, name.replace(/\.lock$/, ''))))) {
    if (lockHolder(dir) !== undefined) continue;
    wipe(dir);
    rmSync(`${dir}.lock`, { force: true });
  }
}

await runMain(main);
