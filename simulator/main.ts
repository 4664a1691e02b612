import closeWithGrace from 'close-with-grace';
import { knobsFrom, loadSimulatorConfig, type SimulatorConfig } from './config.ts';
import { createLog } from './core/log.ts';
import { createSimulator, type SimulatorOptions } from './simulator.ts';

function readConfig(): SimulatorConfig {
  try {
    return loadSimulatorConfig(process.env);
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`);
    process.exit(1);
  }
}

function optionsFrom(config: SimulatorConfig): SimulatorOptions {
  const { SIMULATOR_ECB_SPEED: daysPerSecond, SIMULATOR_WEBHOOK_URL: url, SIMULATOR_WEBHOOK_SECRET: secret } = config;
  return {
    ledgerFile: config.SIMULATOR_LEDGER_FILE,
    host: config.SIMULATOR_HOST,
    port: config.SIMULATOR_PORT,
    apiKey: config.SIMULATOR_API_KEY,
    readOnlyKey: config.SIMULATOR_READ_ONLY_KEY,
    timeScale: config.TIME_SCALE,
    knobs: knobsFrom(config),
    rates: config.SIMULATOR_RATES,
    ...(daysPerSecond === undefined ? {} : { ecb: { daysPerSecond } }),
    ...(url === undefined || secret === undefined ? {} : { webhook: { url, secret } }),
    allowHttpWebhooks: config.SIMULATOR_ALLOW_HTTP_WEBHOOKS,
    seed: config.SIMULATOR_SEED,
    log: createLog(config.LOG_LEVEL),
  };
}

const options = optionsFrom(readConfig());
const simulator = createSimulator(options);

closeWithGrace({ delay: 5_000, logger: false }, async ({ err, signal }) => {
  if (err) options.log.error({ event: 'simulator_broke', err });
  options.log.info({ event: 'simulator_stopped', signal });
  await simulator.stop();
});

try {
  const { url } = await simulator.start();
  process.stdout.write(
    `Conduit simulator listening: API ${url}/v2, control ${url}/_sim, ledger ${options.ledgerFile}, time scale ${options.timeScale}\n`,
  );
} catch (error) {
  process.stderr.write(`the simulator cannot start: ${(error as Error).message}\n`);
  process.exit(1);
}
