import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { startServing } from '../child.ts';
import { ROOT } from '../paths.ts';
import { choosePort } from '../ports.ts';
import { answersHttp } from '../wait.ts';
import type { Service, ServiceContext } from './service.ts';

const PORT = 8090;

/** The key that the local simulator takes. It opens nothing but the simulator on this machine. */
const SIMULATOR_API_KEY = `ck_sandbox_${'0123456789abcdef'.repeat(4)}`;

/** Conduit as it is met locally: its wire, and a ledger file that survives a restart. */
export async function startSimulator(context: ServiceContext): Promise<Service> {
  const port = await choosePort('the Conduit simulator', PORT, context.ports, context.progress);
  const dataDir = join(context.dataDir, 'simulator');

  const launch = async () => {
    mkdirSync(dataDir, { recursive: true });
    return startServing(
      {
        name: 'simulator',
        command: process.execPath,
        args: [join(ROOT, 'simulator', 'main.ts')],
        env: {
          ...process.env,
          SIMULATOR_HOST: '127.0.0.1',
          SIMULATOR_PORT: String(port),
          SIMULATOR_LEDGER_FILE: join(dataDir, 'ledger.jsonl'),
          SIMULATOR_API_KEY,
          SIMULATOR_ALLOW_HTTP_WEBHOOKS: 'true', // Our api listens without TLS on this machine.
          TIME_SCALE: String(context.timeScale),
        },
        logFile: join(context.logDir, 'simulator.log'),
      },
      () => answersHttp(`http://127.0.0.1:${port}/health/ready`),
      20_000,
    );
  };

  return {
    name: 'simulator',
    title: 'Conduit simulator',
    address: `http://127.0.0.1:${port}`,
    env: {
      CONDUIT_BASE_URL: `http://127.0.0.1:${port}/v2`,
      CONDUIT_API_KEY: SIMULATOR_API_KEY,
      CONDUIT_ORGANISATION: 'local',
    },
    launch,
    child: await launch(),
  };
}
