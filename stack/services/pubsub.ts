import { join } from 'node:path';
import { startServing } from '../child.ts';
import { choosePort } from '../ports.ts';
import { answersHttp } from '../wait.ts';
import type { Service, ServiceContext } from './service.ts';

const PORT = 8085;

// The emulator serves a developer, not a load test: without the optimising compiler and the parallel collector it starts
// in half the time and leaves both cores to the others.
const JVM_OPTIONS = '-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xmx512m';

/** The Pub/Sub emulator of the Cloud SDK. It keeps everything in memory. */
export async function startPubsub(context: ServiceContext, program: string): Promise<Service> {
  const port = await choosePort('the Pub/Sub emulator', PORT, context.ports, context.progress);

  const launch = () =>
    startServing(
      {
        name: 'pubsub',
        command: program,
        args: ['--host=127.0.0.1', `--port=${port}`],
        env: { ...process.env, JAVA_OPTS: `${JVM_OPTIONS} ${process.env['JAVA_OPTS'] ?? ''}` },
        logFile: join(context.logDir, 'pubsub.log'),
      },
      () => answersHttp(`http://127.0.0.1:${port}/`),
      45_000,
    );

  return {
    name: 'pubsub',
    title: 'Pub/Sub emulator',
    address: `127.0.0.1:${port}`,
    env: { PUBSUB_EMULATOR_HOST: `127.0.0.1:${port}` },
    launch,
    child: await launch(),
  };
}
