import { ConduitCallError, createConduitClient } from '../../clients/conduit/client.ts';
import { assertKeyFitsHost } from '../../clients/conduit/key-host.ts';
import { ConfigError, loadSettings } from '../../config.ts';
import { CommandError, UsageError } from '../command.ts';
import { type AdminCommand, readOptions, required } from './command-line.ts';

const SILENT = { debug: () => {}, info: () => {} };

export const webhookCommands: readonly AdminCommand[] = [
  {
    words: 'webhook register',
    usage: 'webhook register --url https://…/webhooks/conduit',
    does: "has Conduit deliver its events there and prints the endpoint's secret, this once, alone on standard output",
    async run(args, io) {
      const url = required(readOptions(args, { url: { type: 'string' } }).url, 'url');
      if (!/^https?:\/\//.test(url) || !URL.canParse(url)) throw new UsageError(`--url ${url} is not a web address`);
      const { id, secret } = await register(url);
      io.tell(
        `Conduit delivers to ${url} as endpoint ${id}. Set CONDUIT_WEBHOOK_SECRET to this; it is shown only now:`,
      );
      io.say(secret);
    },
  },
];

async function register(url: string): Promise<{ id: string; secret: string }> {
  const settings = loadSettings(process.env, [
    'CONDUIT_BASE_URL',
    'CONDUIT_API_KEY',
    'CONDUIT_TIMEOUT_MS',
    'CONDUIT_CONNECT_TIMEOUT_MS',
  ]);
  try {
    assertKeyFitsHost(settings.CONDUIT_BASE_URL, settings.CONDUIT_API_KEY);
  } catch (error) {
    throw new ConfigError(`CONDUIT_API_KEY: ${(error as Error).message}`);
  }
  const conduit = createConduitClient({
    baseUrl: settings.CONDUIT_BASE_URL,
    apiKey: settings.CONDUIT_API_KEY,
    timeoutMs: settings.CONDUIT_TIMEOUT_MS,
    connectTimeoutMs: settings.CONDUIT_CONNECT_TIMEOUT_MS,
    maxConnections: 1,
    permitTtlMs: 0,
    log: SILENT,
  });
  try {
    return await conduit.registerWebhook(url);
  } catch (error) {
    if (!(error instanceof ConduitCallError)) throw error;
    throw new CommandError(`Conduit at ${settings.CONDUIT_BASE_URL} did not register it: ${error.code}`);
  } finally {
    await conduit.close();
  }
}
