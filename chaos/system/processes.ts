import { choosePort } from '../../stack/ports.ts';
import { createProgress } from '../../stack/progress.ts';
import { createFleet, kindOf, PROCESSES, type ProcessName } from './fleet.ts';
import type { Network } from './network.ts';
import type { Surroundings, System } from './system.ts';

const quiet = createProgress({ quiet: true });

interface Wiring extends Pick<System, 'network' | 'desk' | 'env' | 'bundle'>, Surroundings {
  readonly build: string | undefined;
}

/** The product's own processes, each with its own ways to the others. */
export async function startProcesses(wiring: Wiring): Promise<Pick<System, 'fleet' | 'configure' | 'configured'>> {
  const { network, desk, env, bundle, build, logDir, tell, onStop } = wiring;
  const metricsPorts = Object.fromEntries(
    await Promise.all(PROCESSES.map(async (name) => [name, await choosePort(name, 0, 'free', quiet)])),
  ) as Record<ProcessName, number>;
  const linkEnvs = Object.fromEntries(
    await Promise.all(PROCESSES.map(async (name) => [name, await linkedEnv(network, name, env)])),
  ) as Record<ProcessName, Record<string, string>>;
  const own = new Map<ProcessName, Readonly<Record<string, string>>>();
  const startedWith = new Map<ProcessName, Readonly<Record<string, string>> | undefined>();
  const fleet = createFleet({
    metricsPorts,
    logDir,
    tell: (what, name, detail) => tell(`process.${what}`, { name, ...detail }),
    envOf(name) {
      startedWith.set(name, own.get(name));
      return {
        ...env,
        ...linkEnvs[name],
        CHAOS_DESK: desk.url,
        CHAOS_WORKFLOW_BUNDLE: bundle,
        ...(build === undefined ? {} : { CHAOS_BUILD: build }),
        ...own.get(name),
      };
    },
  });
  onStop(() => fleet.stop());
  for (const name of PROCESSES) await fleet.start(name);
  await fleet.untilReady();
  return {
    fleet,
    configure: (name, other) => void (other ? own.set(name, other) : own.delete(name)),
    configured: () => PROCESSES.filter((name) => own.has(name) || startedWith.get(name) !== undefined),
  };
}

/** The addresses of what a process connects to, each through a proxy of its own. */
async function linkedEnv(
  network: Network,
  name: ProcessName,
  env: Record<string, string>,
): Promise<Record<string, string>> {
  const through = async (to: string, address: string) => network.connect(`${name}>${to}`, address);
  const url = async (to: string, text = '') => {
    const target = new URL(text);
    target.host = await through(to, target.host);
    return target.href;
  };
  // An attempt belongs to the base URL it was made for, so that all workers share one way to Conduit.
  const conduit = new URL(env['CONDUIT_BASE_URL'] ?? '');
  const toConduit = kindOf(name) === 'api' ? 'api>conduit' : 'workers>conduit';
  conduit.host = await network.connect(toConduit, conduit.host);
  return {
    DATABASE_URL: await url('postgres', env['DATABASE_URL']),
    REDIS_URL: await url('redis', env['REDIS_URL']),
    TEMPORAL_ADDRESS: await through('temporal', env['TEMPORAL_ADDRESS'] ?? ''),
    PUBSUB_EMULATOR_HOST: await through('pubsub', env['PUBSUB_EMULATOR_HOST'] ?? ''),
    CONDUIT_BASE_URL: conduit.href,
  };
}
