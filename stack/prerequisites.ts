import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { SetupError } from './errors.ts';
import { TOOLS_DIR } from './paths.ts';
import { runCommand } from './run-command.ts';
import { MIN_JAVA_MAJOR } from './versions.ts';

/** What is missing, why it is needed, how to get it: one line of the list that the reader is shown. */
export type Missing = { readonly what: string; readonly why: string; readonly how: string };

const EMULATOR_PATH = join('platform', 'pubsub-emulator', 'bin', 'cloud-pubsub-emulator');
const SDK_ROOT_CACHE = join(TOOLS_DIR, 'google-cloud-sdk-root.txt');

/** All that is missing, in one error, so that the reader installs it in one go. */
export function throwIfMissing(missing: readonly Missing[]): void {
  if (missing.length === 0) return;
  const lines = missing.map(({ what, why, how }) => `  - ${what}, needed for ${why}: ${how}`);
  throw new SetupError(`Missing on this machine:\n${lines.join('\n')}`);
}

/** Python and pip, with which the pinned programs of PyPI are installed. */
export async function checkPip(): Promise<Missing[]> {
  try {
    await runCommand('python3', ['-m', 'pip', '--version'], { timeoutMs: 30_000 });
    return [];
  } catch (error) {
    const noPython = (error as NodeJS.ErrnoException).code === 'ENOENT';
    return [
      {
        what: noPython ? 'Python 3 (`python3`)' : 'pip for Python 3 (`python3 -m pip`)',
        why: 'installing the pinned Temporal and Redis binaries',
        how: 'apt-get install python3-pip, brew install python3, or https://www.python.org/downloads/',
      },
    ];
  }
}

/** Java for the Pub/Sub emulator, the one that the emulator's own start script picks. */
export async function checkJava(): Promise<Missing[]> {
  const java = process.env['JAVA_HOME'] ? join(process.env['JAVA_HOME'], 'bin', 'java') : 'java';
  const missing = (found: string): Missing => ({
    what: `Java ${MIN_JAVA_MAJOR} or newer (${found})`,
    why: 'the Pub/Sub emulator',
    how: 'apt-get install openjdk-17-jre-headless, brew install openjdk@17, or https://adoptium.net; or give PUBSUB_EMULATOR_HOST',
  });
  try {
    const { stderr } = await runCommand(java, ['-version'], { timeoutMs: 30_000 });
    const version = /version "(?:1\.)?(\d+)[^"]*"/.exec(stderr);
    return Number(version?.[1]) >= MIN_JAVA_MAJOR
      ? []
      : [missing(`${java} is ${version?.[0] ?? 'of an unknown version'}`)];
  } catch {
    return [missing(`${java} does not run`)];
  }
}

/** The emulator of the Cloud SDK. Asking gcloud takes a second, so its answer is kept for as long as it holds. */
export async function findEmulator(cacheFile = SDK_ROOT_CACHE): Promise<{ program: string } | { missing: Missing[] }> {
  const cached = existsSync(cacheFile) && join(readFileSync(cacheFile, 'utf8').trim(), EMULATOR_PATH);
  if (cached && existsSync(cached)) return { program: cached };

  const need = { why: 'the Pub/Sub emulator' };
  try {
    const { stdout } = await runCommand('gcloud', ['info', '--format=value(installation.sdk_root)'], {
      timeoutMs: 60_000,
    });
    const program = join(stdout.trim(), EMULATOR_PATH);
    if (existsSync(program)) {
      mkdirSync(dirname(cacheFile), { recursive: true });
      writeFileSync(cacheFile, `${stdout.trim()}\n`);
      return { program };
    }
    const how = 'gcloud components install pubsub-emulator, or apt-get install google-cloud-cli-pubsub-emulator';
    return { missing: [{ what: `the emulator component of the Google Cloud SDK (no ${program})`, ...need, how }] };
  } catch {
    const how =
      'https://cloud.google.com/sdk/docs/install, then gcloud components install pubsub-emulator; or give PUBSUB_EMULATOR_HOST';
    return { missing: [{ what: 'the Google Cloud SDK (`gcloud`)', ...need, how }] };
  }
}
