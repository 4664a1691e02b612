import { type SpawnSyncReturns, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeEach, expect, jest, test } from '@jest/globals';
import { isAlive } from '../../stack/is-alive.ts';
import { waitUntil } from '../../stack/wait.ts';
import { scratchDir } from './support.ts';

// Real services start here, beside whatever else the machine does.
jest.setTimeout(30_000);

// A checkout in miniature, with an npm that only notes that it was called.
const scratch = scratchDir();
const root = join(scratch.dir, 'checkout');
const npm = join(import.meta.dirname, 'fixtures', 'npm-cli.js');
afterAll(scratch.remove);

beforeEach(() => {
  rmSync(root, { recursive: true, force: true });
  mkdirSync(join(root, 'stack'), { recursive: true });
  copyFileSync(join(import.meta.dirname, '..', '..', 'stack', 'bootstrap.js'), join(root, 'stack', 'bootstrap.js'));
  writeFileSync(join(root, 'package.json'), '{ "type": "module" }');
  writeFileSync(join(root, 'package-lock.json'), '{ "lockfileVersion": 3 }');
  writeFileSync(
    join(root, 'echo.js'),
    "process.stdout.write(JSON.stringify([process.execPath, ...process.argv.slice(2)]) + '\\n'); process.exitCode = 7;",
  );
});

function environment(extra: Record<string, string> = {}): NodeJS.ProcessEnv {
  return { PATH: process.env['PATH'], npm_execpath: npm, PROJECT_NODE: process.execPath, ...extra };
}

function bootstrap(args: readonly string[], env = environment()): SpawnSyncReturns<string> {
  return spawnSync(process.execPath, [join('stack', 'bootstrap.js'), ...args], { cwd: root, env, encoding: 'utf8' });
}

function npmCalls(): string[] {
  const file = join(root, 'npm-calls.txt');
  return existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [];
}

test('installs on the first start and after a change of the lockfile or a patch, not otherwise', () => {
  expect(bootstrap([]).status).toBe(0);
  expect(bootstrap([]).status).toBe(0);
  expect(npmCalls()).toHaveLength(1);
  expect(npmCalls()[0]).toMatch(/^install /);

  writeFileSync(join(root, 'package-lock.json'), '{ "lockfileVersion": 4 }');
  expect(bootstrap([]).stdout).toMatch(/✓ Install packages +\d+\.\d s/);
  mkdirSync(join(root, 'patches'));
  writeFileSync(join(root, 'patches', 'a+1.0.0.patch'), 'a mend');
  expect(bootstrap([]).stdout).toMatch(/✓ Install packages/);
  expect(bootstrap([]).stdout).toBe('');
  expect(npmCalls()).toHaveLength(3);
});

test("runs the script with the project's Node, hands on its arguments and passes on its exit code", () => {
  const run = bootstrap(['echo.js', '--exit', 'two words']);
  expect(run.status).toBe(7);
  expect(JSON.parse(run.stdout.trim().split('\n').at(-1) ?? '')).toEqual([process.execPath, '--exit', 'two words']);
});

test('an install that failed is tried again the next time, and its script does not run', () => {
  const failed = bootstrap(['echo.js'], environment({ NPM_FAILS: '1' }));
  expect(failed.status).toBe(4);
  expect(failed.stdout).not.toContain('two words');
  expect(bootstrap([]).status).toBe(0);
  expect(npmCalls()).toHaveLength(2);
});

test('a missing npm is one clear line', () => {
  const { npm_execpath: _, ...env } = environment({ PATH: root });
  const run = bootstrap([], env);
  expect(run.status).toBe(1);
  expect(run.stderr).toMatch(/- npm, needed for installing the packages: it comes with Node/);
});

test('a signal reaches the script, and its exit code comes back', async () => {
  writeFileSync(
    join(root, 'wait.js'),
    "process.on('SIGTERM', () => process.exit(9)); setInterval(() => {}, 1000); console.log('waiting');",
  );
  const run = spawn(process.execPath, [join('stack', 'bootstrap.js'), 'wait.js'], { cwd: root, env: environment() });
  let output = '';
  for await (const chunk of run.stdout) {
    output += chunk;
    if (output.includes('waiting')) break;
  }
  run.kill('SIGTERM');
  const [code] = await once(run, 'exit');
  expect(code).toBe(9);
});

test.each([
  ['npm', { npm_lifecycle_event: 'stack' }, true],
  ['whoever runs it by hand', {}, false],
])('when %s is gone, with %j, the script is asked to stop: %s', async (_, extra, asked) => {
  writeFileSync(
    join(root, 'wait.js'),
    "process.on('SIGTERM', () => process.exit()); setTimeout(() => {}, 20_000); console.log(process.pid);",
  );
  const start =
    "require('child_process').spawn(process.execPath, ['stack/bootstrap.js', 'wait.js'], { stdio: 'inherit' })";
  const parent = spawn(process.execPath, ['-e', start], { cwd: root, env: environment(extra) });
  let output = '';
  parent.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  await waitUntil(async () => /^\d+$/m.test(output), { deadlineMs: 10_000, orElse: 'the script did not start' });
  const scriptPid = Number(/^\d+$/m.exec(output)?.[0]);
  parent.kill('SIGKILL');
  const ended = waitUntil(async () => !isAlive(scriptPid), {
    deadlineMs: asked ? 10_000 : 1_500,
    orElse: 'it goes on',
  });
  await (asked ? expect(ended).resolves.toBeUndefined() : expect(ended).rejects.toThrow('it goes on'));
  if (!asked) process.kill(scriptPid, 'SIGKILL');
});

test('the script is told when the command was called, before the packages were installed', () => {
  writeFileSync(join(root, 'when.js'), 'console.log(performance.timeOrigin - process.env.STACK_CALLED_AT_MS);');
  const early = Number(
    bootstrap(['when.js'], environment({ NPM_TAKES_MS: '300' }))
      .stdout.trim()
      .split('\n')
      .at(-1),
  );
  expect(early).toBeGreaterThan(300);
});

test('the file is plain enough for Node 20: no syntax or module that came later', () => {
  const source = readFileSync(join(root, 'stack', 'bootstrap.js'), 'utf8');
  const imports = [...source.matchAll(/from '([^']+)'/g)].map(([, name]) => name);
  expect(imports.every((name) => name?.startsWith('node:'))).toBe(true);
  expect(source).not.toMatch(/import\.meta\.dirname|process\.execve|using |with \{/);
});
