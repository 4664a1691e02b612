// The first thing that runs on a fresh clone: plain JavaScript without a dependency, for whatever Node >= 20 is there.
//   node stack/bootstrap.js [script.ts] [arguments...]
// Installs the packages when they are not what package-lock.json says, then runs the script with the project's Node 24.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const BIN = join(ROOT, 'node_modules', '.bin');
const STAMP = join(ROOT, 'node_modules', '.installed-lock-sha256');
const OLDEST_NODE = 20;
const PROJECT_NODE = 24;
const CALLED_AT_MS = Date.now();
const PARENT_PID = process.ppid;
const PARENT_CHECK_MS = 500;

function fail(what, why, how) {
  process.stderr.write(`\nMissing on this machine:\n  - ${what}, needed for ${why}: ${how}\n`);
  process.exit(1);
}

function majorOf(version) {
  return Number(version.replace(/^v/, '').split('.')[0]);
}

/** Of what is installed: the lockfile, and the patches that are put on it. */
function hashOfInstall() {
  const hash = createHash('sha256').update(readFileSync(join(ROOT, 'package-lock.json')));
  const patches = join(ROOT, 'patches');
  for (const name of existsSync(patches) ? readdirSync(patches).sort() : []) {
    hash.update(readFileSync(join(patches, name)));
  }
  return hash.digest('hex');
}

function isInstalled() {
  return existsSync(STAMP) && readFileSync(STAMP, 'utf8').trim() === hashOfInstall();
}

/** `npm install` and not `npm ci`: a lockfile made on one platform may lack optional packages of another. */
function installPackages() {
  // Inside `npm run` npm names itself; that one is there even where `npm` is not on the path.
  const npmScript = process.env.npm_execpath;
  const [command, first] =
    npmScript && /npm-cli\.c?js$/.test(npmScript) ? [process.execPath, [npmScript]] : ['npm', []];
  process.stdout.write('  … npm install (first start, or what is to be installed has changed)\n');
  const startedAt = Date.now();
  const run = spawnSync(command, [...first, 'install', '--no-progress', '--loglevel=error'], {
    cwd: ROOT,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  if (run.error && run.error.code === 'ENOENT') {
    fail('npm', 'installing the packages', 'it comes with Node: https://nodejs.org, or apt-get install npm');
  }
  if (run.status !== 0) {
    process.stderr.write('\nnpm install failed; its message is above. Can this machine reach its package registry?\n');
    process.exit(run.status || 1);
  }
  writeFileSync(STAMP, `${hashOfInstall()}\n`);
  process.stdout.write(
    `  ✓ ${'Install packages'.padEnd(30)} ${((Date.now() - startedAt) / 1000).toFixed(1).padStart(5)} s\n`,
  );
}

/** Node 24 from npm, where there is a package for this platform; else the system's, if it is new enough. */
function findNode() {
  const own = join(BIN, process.platform === 'win32' ? 'node.cmd' : 'node');
  if (existsSync(own)) return own;
  if (majorOf(process.version) >= PROJECT_NODE) return process.execPath;
  return fail(
    `Node ${PROJECT_NODE} or newer (this is ${process.version}, and npm has none for ${process.platform}-${process.arch})`,
    'running TypeScript as it is',
    'https://nodejs.org, brew install node, or nvm install 24',
  );
}

function runScript(args) {
  const child = spawn(findNode(), args, {
    stdio: 'inherit',
    env: {
      ...process.env,
      PATH: `${BIN}${delimiter}${process.env.PATH || ''}`,
      STACK_CALLED_AT_MS: String(CALLED_AT_MS), // The script's durations include the installation.
    },
  });
  // The script decides when it ends; from here a signal is only passed on. One that the terminal sends to all of us comes
  // to the script twice, which it must bear anyway since npm does the same.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  // A supervisor's SIGTERM reaches npm alone, which goes without a word to us. Whoever ran this file without npm may well leave
  // it behind on purpose.
  if (process.env.npm_lifecycle_event) {
    setInterval(() => process.ppid !== PARENT_PID && child.kill('SIGTERM'), PARENT_CHECK_MS).unref();
  }
  child.on('error', (error) => {
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  });
  child.on('exit', (code, signal) => process.exit(signal ? 128 + constants.signals[signal] : code));
}

if (majorOf(process.version) < OLDEST_NODE) {
  fail(
    `Node ${OLDEST_NODE} or newer (this is ${process.version})`,
    'setting up',
    'https://nodejs.org, or nvm install 24',
  );
}
if (!isInstalled()) installPackages();
const [script, ...args] = process.argv.slice(2);
if (script) runScript([script, ...args]);
else findNode();
