import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { startServing } from '../child.ts';
import { choosePort } from '../ports.ts';
import { WHEELS } from '../versions.ts';
import { acceptsTcp } from '../wait.ts';
import type { Service, ServiceContext } from './service.ts';

const PORT = 6379;

/** Redis on the loopback, nothing written to disk: it only ever holds what can be computed again. */
export async function startRedis(context: ServiceContext, program: string): Promise<Service> {
  const port = await choosePort('Redis', PORT, context.ports, context.progress);
  const cwd = join(context.dataDir, 'redis');

  const launch = async () => {
    mkdirSync(cwd, { recursive: true });
    return startServing(
      {
        name: 'redis',
        command: program,
        args: ['--bind', '127.0.0.1', '--port', String(port), '--save', '', '--appendonly', 'no', '--dir', cwd],
        env: process.env,
        logFile: join(context.logDir, 'redis.log'),
      },
      () => acceptsTcp('127.0.0.1', port),
      10_000,
    );
  };

  return {
    name: 'redis',
    title: `Redis ${WHEELS.redis.version.split('.').slice(0, 3).join('.')}`,
    address: `127.0.0.1:${port}`,
    env: { REDIS_URL: `redis://127.0.0.1:${port}` },
    launch,
    child: await launch(),
  };
}
