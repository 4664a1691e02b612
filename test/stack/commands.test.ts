import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { afterAll, afterEach, expect, jest, test } from '@jest/globals';
import { waitUntil } from '../../stack/wait.ts';
import { type Command, checkoutIn, descendantsOf, scratchDir, startCommand, stillRunning } from './support.ts';

// Whole stacks start here, beside whatever else the machine does.
jest.setTimeout(120_000);

const scratch = scratchDir();
const root = checkoutIn(scratch.dir);
const envFile = join(root, '.local', 'stack.env');

let running: Command | undefined;
function start(name: string, args: readonly string[] = [], env: NodeJS.ProcessEnv = {}): Command {
  running = startCommand(join(root, 'stack', name), args, env);
  return running;
}
afterEach(async () => {
  running?.process.kill('SIGKILL');
  await running?.exitCode;
});
afterAll(async () => {
  await nothingRuns([]);
  scratch.remove();
});

/** The keeper has gone too: it is the last one. */
async function nothingRuns(pids: readonly number[]): Promise<void> {
  let left: string[] = [];
  const gone = async () => {
    left = await stillRunning(pids, root);
    return left.length === 0;
  };
  await waitUntil(gone, { deadlineMs: 20_000, everyMs: 200, orElse: 'something is left' }).catch(() => {});
  expect(left).toEqual([]);
}

/** Sends the signal once the command has said that, and sees it end, and everything that it had started. */
async function interrupt(
  command: Command,
  signal: NodeJS.Signals,
  ...moments: readonly string[]
): Promise<number | null> {
  for (const moment of moments) await command.says(moment);
  const started = await descendantsOf(command.process.pid ?? 0);
  expect(started.length).toBeGreaterThan(1);
  command.process.kill(signal);
  const late = new Promise<string>((resolve) => setTimeout(resolve, 25_000, 'it goes on').unref());
  const code = await Promise.race([command.exitCode, late]);
  expect(code).not.toBe('it goes on');
  await nothingRuns(started);
  expect(existsSync(envFile)).toBe(false);
  return code as number | null;
}

test.each([
  ['its services start', '✓ Redis'],
  ['its processes start', '✓ Migrations'],
])('Ctrl-C ends the demo, and all that it has begun, while %s', async (_, moment) => {
  const demo = start('demo.ts');
  expect(await interrupt(demo, 'SIGINT', moment)).toBe(130);
  expect(demo.output()).toContain('Stopping');
});

test('SIGTERM ends the stack, and all that it has begun, while it starts', async () => {
  expect(await interrupt(start('stack.ts'), 'SIGTERM', '✓ Redis')).toBe(143);
});

test('the stack gives the API a free port, says so, and takes the addresses back when it ends', async () => {
  const blocker = createServer().listen(8080, '127.0.0.1');
  await new Promise((resolve) => blocker.once('listening', resolve).once('error', resolve)); // Taken by somebody else: as good.
  blocker.unref();
  const stack = start('stack.ts');
  await stack.says('Ctrl-C stops it all');
  const port = parseEnv(readFileSync(envFile, 'utf8'))['API_PORT'];
  expect(port).not.toBe('8080');
  expect(stack.output()).toContain(`port 8080 is taken: the API gets ${port}`);
  expect(stack.output()).toContain(`http://127.0.0.1:${port}/webhooks/conduit`);
  expect(await interrupt(stack, 'SIGINT')).toBe(130);
  blocker.close();
});

test.each(['demo.ts', 'stack.ts'])(
  '%s answers an option that it does not have with one line and its help',
  async (name) => {
    const command = start(name, ['--frehs']);
    expect(await command.exitCode).toBe(1);
    expect(command.output()).toMatch(/^\nUnknown option '--frehs'\n\nnpm run /);
    expect(command.output()).not.toMatch(/^ +at /m);
  },
);

test.each([
  ['stack.ts', ['--time-scale', '101'], {}, /the time scale is a number from 1 to 100/],
  ['stack.ts', [], { TIME_SCALE: '0.5' }, /the time scale is a number from 1 to 100/],
  ['demo.ts', [], { CONDUIT_BASE_URL: 'https://api.sandbox.conduit.financial/v2' }, /unset CONDUIT_BASE_URL/],
])('%s %j %j is refused before anything starts', async (name, args, env, message) => {
  const command = start(name, args, env);
  expect(await command.exitCode).toBe(1);
  expect(command.output()).toMatch(message);
  expect(command.output()).not.toContain('✓');
});
