import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { ConfigError } from '../../../src/config.ts';
import { loadTemporalSettings, withTemporal } from '../../../src/main/temporal-settings.ts';

const HERE = { HOME: '/nonexistent' };

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'temporal-settings-'));
});
afterAll(() => rmSync(dir, { recursive: true }));

function file(name: string, content: string): string {
  writeFileSync(join(dir, name), content);
  return join(dir, name);
}

function faultsOf(environment: NodeJS.ProcessEnv, load: (environment: NodeJS.ProcessEnv) => unknown): string[] {
  try {
    load({ ...HERE, ...environment });
  } catch (error) {
    if (error instanceof ConfigError) return error.message.split('\n');
    throw error;
  }
  return [];
}

/** The names of the variables that are found wrong. */
const wrongIn = (environment: NodeJS.ProcessEnv) =>
  faultsOf(environment, loadTemporalSettings).map((fault) => fault.replace(/:.*/, ''));

test('an empty variable counts as one that is not set', () => {
  const settings = loadTemporalSettings({ ...HERE, TEMPORAL_ADDRESS: 'cloud:7233', TEMPORAL_API_KEY: '' });
  expect(settings.connectionOptions).toMatchObject({ address: 'cloud:7233', tls: undefined });
  expect(loadTemporalSettings({ ...HERE, TEMPORAL_API_KEY: 'key' }).connectionOptions).toMatchObject({ tls: true });
});

test('the profile of a file is read, with its certificates', () => {
  const pem = file('client.pem', 'a certificate');
  const toml = file(
    'temporal.toml',
    `[profile.default]\naddress = "one:7233"\n[profile.prod]\naddress = "two:7233"\nnamespace = "pay"\n[profile.prod.tls]\nclient_cert_path = "${pem}"\n`,
  );
  const given = { TEMPORAL_CONFIG_FILE: toml, TEMPORAL_PROFILE: 'prod', TEMPORAL_TLS_CLIENT_KEY_PATH: pem };
  expect(loadTemporalSettings({ ...HERE, ...given })).toMatchObject({
    namespace: 'pay',
    connectionOptions: { address: 'two:7233', tls: { clientCertPair: { crt: expect.anything() as unknown } } },
  });
});

test('what would lead to another server, or to no TLS, is refused by its name', () => {
  const nowhere = join(dir, 'nowhere');
  const pem = file('other.pem', 'a certificate');
  expect(wrongIn({ TEMPORAL_CONFIG_FILE: nowhere })).toEqual(['TEMPORAL_CONFIG_FILE']);
  expect(wrongIn({ TEMPORAL_CONFIG_FILE: dir })).toEqual(['TEMPORAL_CONFIG_FILE']);
  expect(wrongIn({ TEMPORAL_CONFIG_FILE: file('broken.toml', '[profile') })).toEqual(['TEMPORAL_CONFIG_FILE']);
  expect(wrongIn({ TEMPORAL_PROFILE: 'nobody' })).toEqual(['TEMPORAL_PROFILE']);
  expect(wrongIn({ TEMPORAL_TLS: 'maybe' })).toEqual(['TEMPORAL_TLS']);
  expect(wrongIn({ TEMPORAL_TLS_CLIENT_CERT_PATH: nowhere, TEMPORAL_TLS_CLIENT_KEY_PATH: pem })).toEqual([
    'TEMPORAL_TLS_CLIENT_CERT_PATH',
  ]);
  expect(wrongIn({ TEMPORAL_TLS_CLIENT_KEY_PATH: pem })).toEqual(['TEMPORAL_TLS_CLIENT_KEY_PATH']);
  expect(wrongIn({ TEMPORAL_TLS_CLIENT_CERT_PATH: pem })).toEqual(['TEMPORAL_TLS_CLIENT_CERT_PATH']);
  const toml = file('lost.toml', `[profile.default.tls]\nserver_ca_cert_path = "${nowhere}"\n`);
  expect(wrongIn({ TEMPORAL_CONFIG_FILE: toml })).toEqual(['TEMPORAL_CONFIG_FILE']);
});

test.each([
  'http://temporal:7233',
  'dns:///temporal:7233',
  'temporal:',
  ':7233',
  'temporal:0',
  'temporal:65536',
  'temporal:72333',
  ' temporal:7233',
  'temporal :7233',
  'temporal:7233/',
  'a:b:7233',
  '::1:7233',
  ' ',
])('"%s" is no address of Temporal', (address) => {
  expect(wrongIn({ TEMPORAL_ADDRESS: address })).toEqual(['TEMPORAL_ADDRESS']);
  const toml = file('address.toml', `[profile.default]\naddress = "${address}"\n`);
  expect(wrongIn({ TEMPORAL_CONFIG_FILE: toml })).toEqual(['TEMPORAL_CONFIG_FILE']);
  // The variable goes before the file.
  expect(wrongIn({ TEMPORAL_CONFIG_FILE: toml, TEMPORAL_ADDRESS: 'temporal:7233' })).toEqual([]);
});

test.each([
  'temporal-frontend',
  '[::1]',
  'temporal:7233',
  'temporal_1:1',
  '127.0.0.1:65535',
  '[::1]:7233',
  'pay.a1b2c.tmprl.cloud:7233',
])('%s is one', (address) => {
  expect(loadTemporalSettings({ ...HERE, TEMPORAL_ADDRESS: address }).connectionOptions.address).toBe(address);
});

test('a start names the faults of all settings at once', () => {
  const load = withTemporal((environment): { port: string } => {
    if (environment['API_PORT'] !== '1') throw new ConfigError('API_PORT: no port');
    return { port: '1' };
  });
  expect(faultsOf({ TEMPORAL_TLS: 'maybe', TEMPORAL_PROFILE: 'nobody' }, load)).toEqual([
    'API_PORT: no port',
    'TEMPORAL_TLS: must be true or false',
    'TEMPORAL_PROFILE: there is no such profile in the file of settings',
  ]);
  expect(load({ ...HERE, API_PORT: '1' })).toMatchObject({ port: '1', temporal: { connectionOptions: {} } });
});
