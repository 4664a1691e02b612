import { accessSync, constants, statSync } from 'node:fs';
import { type ClientConfig, loadClientConfig, loadClientConfigProfile, toClientOptions } from '@temporalio/envconfig';
import type { TemporalSettings } from '../clients/temporal.ts';
import { ConfigError, isPort } from '../config.ts';

const ADDRESS = 'TEMPORAL_ADDRESS';
const CONFIG_FILE = 'TEMPORAL_CONFIG_FILE';
const CERTIFICATE = 'TEMPORAL_TLS_CLIENT_CERT_PATH';
/** Anything else would be read as `false`, and TLS be off that was meant to be on. */
const SWITCHES = ['TEMPORAL_TLS', 'TEMPORAL_TLS_DISABLE_HOST_VERIFICATION'] as const;
const SWITCH_VALUES = ['true', 'false', '1', '0'];
const FILES = [CONFIG_FILE, CERTIFICATE, 'TEMPORAL_TLS_CLIENT_KEY_PATH', 'TEMPORAL_TLS_SERVER_CA_CERT_PATH'] as const;

type Variables = Readonly<Record<string, string>>;

/**
 * Address, namespace, TLS and API key by Temporal's own variables (`TEMPORAL_ADDRESS`, `TEMPORAL_NAMESPACE`, `TEMPORAL_API_KEY`,
 * `TEMPORAL_TLS_*` …) or its TOML file (`TEMPORAL_CONFIG_FILE`, `TEMPORAL_PROFILE`). What Temporal's own reader would pass over in
 * silence leads to another server than was meant, or to no TLS: it is a {@link ConfigError}, with every fault and no value in it.
 */
export function loadTemporalSettings(environment: NodeJS.ProcessEnv): TemporalSettings {
  // An empty variable is what a compose file makes of one that is not set; an empty API key would switch TLS on.
  const given = Object.fromEntries(
    Object.entries(environment).filter((entry): entry is [string, string] => Boolean(entry[1])),
  );
  const faults = faultsIn(given);
  if (faults.length > 0) throw new ConfigError(faults.join('\n'));
  return settingsOf(given);
}

/** Settings and Temporal's settings together, so that one start names the faults of both. */
export function withTemporal<Settings>(
  load: (environment: NodeJS.ProcessEnv) => Settings,
): (environment: NodeJS.ProcessEnv) => Settings & { readonly temporal: TemporalSettings } {
  return (environment) => {
    const faults: string[] = [];
    const settings = attempt(() => load(environment), faults);
    const temporal = attempt(() => loadTemporalSettings(environment), faults);
    if (settings === null || temporal === null) throw new ConfigError(faults.join('\n'));
    return { ...settings, temporal };
  };
}

function attempt<T>(load: () => T, faults: string[]): T | null {
  try {
    return load();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    faults.push(error.message);
    return null;
  }
}

function faultsIn(given: Variables): string[] {
  const switches = SWITCHES.filter((name) => !SWITCH_VALUES.includes(given[name] ?? 'true'));
  const unreadable = FILES.filter((name) => given[name] !== undefined && !isReadable(given[name]));
  const address = given[ADDRESS];
  return [
    ...(address === undefined || isAddress(address) ? [] : [`${ADDRESS}: must be host:port or a host`]),
    ...switches.map((name) => `${name}: must be true or false`),
    ...unreadable.map((name) => `${name}: cannot read the file that it names`),
    ...(unreadable.includes(CONFIG_FILE) ? [] : profileFaults(given)),
  ];
}

function profileFaults(given: Variables): string[] {
  let config: ClientConfig;
  try {
    config = loadClientConfig({ overrideEnvVars: { ...given } });
  } catch {
    return [`${CONFIG_FILE}: the file is no TOML with Temporal's profiles`];
  }
  const profile = given['TEMPORAL_PROFILE'];
  if (profile === undefined || config.profiles[profile] !== undefined) return [];
  return ['TEMPORAL_PROFILE: there is no such profile in the file of settings'];
}

/** Each variable is right by itself; left is what only the whole shows, with what the file adds. */
function settingsOf(given: Variables): TemporalSettings {
  let settings: TemporalSettings;
  try {
    const profile = loadClientConfigProfile({ overrideEnvVars: { ...given } });
    const { clientCert, clientKey } = profile.tls ?? {};
    if (Boolean(clientCert) !== Boolean(clientKey)) {
      throw new ConfigError(
        `${clientCert ? CERTIFICATE : FILES[2]}: a client's certificate and its key need one another`,
      );
    }
    if (profile.address !== undefined && !isAddress(profile.address)) {
      throw new ConfigError(`${CONFIG_FILE}: the address that the file gives must be host:port or a host`);
    }
    settings = toClientOptions(profile);
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    const name = given[CONFIG_FILE] === undefined ? CERTIFICATE : CONFIG_FILE;
    throw new ConfigError(`${name}: a certificate is given twice, or its file cannot be read`);
  }
  return settings;
}

/** A name, an IPv4 address or an IPv6 one in brackets: nothing that a scheme or a blank could hide in. The SDK adds the port 7233. */
function isAddress(text: string): boolean {
  const [, port] = /^(?:[\w.-]+|\[[\da-fA-F:.]+\])(?::(.*))?$/.exec(text) ?? [null, ''];
  return port === undefined || isPort(port);
}

function isReadable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
