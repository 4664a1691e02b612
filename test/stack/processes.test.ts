import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, jest, test } from '@jest/globals';
import { watchForCrash } from '../../stack/child.ts';
import { isAlive } from '../../stack/is-alive.ts';
import { type ProcessSpec, startProcess } from '../../stack/processes.ts';
import { answersHttp, waitUntil } from '../../stack/wait.ts';
import { freePort, scratchDir } from './support.ts';

// Real services start here, beside whatever else the machine does.
jest.setTimeout(30_000);

const scratch = scratchDir();
afterAll(scratch.remove);

async function specOf(name: string, env: Record<string, string> = {}): Promise<ProcessSpec> {
  const port = String(await freePort());
  return {
    name,
    script: 'test/stack/fixtures/server.ts',
    env: { PORT: port, ...env },
    logFile: join(scratch.dir, `${name}.log`),
    readyUrl: `http://127.0.0.1:${port}/health/ready`,
    deadlineMs: 10_000,
  };
}

test('a process is handed over when it answers, and stops when it is asked to', async () => {
  const spec = await specOf('polite');
  const process_ = await startProcess(spec);
  expect(await answersHttp(spec.readyUrl)).toBe(true);

  expect(await process_.stop()).toEqual({ code: 0, signal: null });
  expect(isAlive(process_.pid)).toBe(false);
  expect(readFileSync(spec.logFile, 'utf8')).toContain('asked to stop');
});

test('a process that ignores the request is killed at the deadline', async () => {
  const process_ = await startProcess({ ...(await specOf('stubborn', { STUBBORN: '1' })), stopDeadlineMs: 300 });
  expect(await process_.stop()).toEqual({ code: null, signal: 'SIGKILL' });
});

test('a stopped (SIGSTOP) process can still be stopped for good', async () => {
  const process_ = await startProcess(await specOf('frozen'));
  process_.kill('SIGSTOP');
  expect(await process_.stop()).toEqual({ code: 0, signal: null });
});

test('a process that ends before it is ready fails at once, with its exit code and last words', async () => {
  const failing = startProcess({ ...(await specOf('failing', { FAIL_WITH: 'no DATABASE_URL' })), deadlineMs: 60_000 });
  await expect(failing).rejects.toThrow(/failing ended \(exit code 3\)[\s\S]*\| no DATABASE_URL/);
});

test('a process that is never ready is ended at the deadline, and the error names its log', async () => {
  const spec = await specOf('never-ready');
  const elsewhere = `http://127.0.0.1:${await freePort()}/health/ready`;
  const failing = startProcess({ ...spec, readyUrl: elsewhere, deadlineMs: 500 });
  await expect(failing).rejects.toThrow(/never-ready: no answer within 1 s[\s\S]*never-ready\.log/);
  await expect(answersHttp(spec.readyUrl)).rejects.toThrow();
});

test('a process that ends unasked is reported with the end of its log; one that was asked to stop is not', async () => {
  const reports: string[] = [];
  const [stopped, killed] = await Promise.all(
    ['asked', 'unasked'].map(async (name) => startProcess(await specOf(name))),
  );
  for (const process_ of [stopped, killed]) if (process_) watchForCrash(process_, (report) => reports.push(report));
  await stopped?.stop();
  expect(reports).toEqual([]);
  process.kill(killed?.pid ?? 0, 'SIGKILL');
  await waitUntil(async () => reports.length > 0, { deadlineMs: 5_000, orElse: 'the end was not noticed' });
  expect(reports.join()).toMatch(/^unasked ended \(signal SIGKILL\)\. The end of .*unasked\.log/);
});

test('a command under way does not outlive its caller', async () => {
  const caller = spawn(process.execPath, [
    join(import.meta.dirname, 'fixtures', 'caller.ts'),
    join(scratch.dir, 'pid'),
  ]);
  const [told] = (await once(caller.stdout, 'data')) as [Buffer];
  const commandPid = Number(told.toString());
  expect(isAlive(commandPid)).toBe(true);
  caller.kill('SIGTERM');
  await waitUntil(async () => !isAlive(commandPid), { deadlineMs: 5_000, orElse: 'the command survived its caller' });
});

test('children do not outlive a parent that is killed', async () => {
  const parent = spawn(process.execPath, [
    join(import.meta.dirname, 'fixtures', 'parent.ts'),
    join(scratch.dir, 'orphan.log'),
  ]);
  const [told] = (await once(parent.stdout, 'data')) as [Buffer];
  const childPid = Number(told.toString());
  expect(isAlive(childPid)).toBe(true);

  parent.kill('SIGKILL');
  await waitUntil(async () => !isAlive(childPid), { deadlineMs: 10_000, orElse: 'the child survived its parent' });
});
