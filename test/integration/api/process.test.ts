import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { eventually } from '../../support/eventually.ts';
import { testRedisUrl } from '../../support/redis.ts';
import { addTestUser, orderBody, startTestBed, type TestBed } from './support.ts';

// Processes start in here, each of which takes a second on a busy machine.
jest.setTimeout(30_000);

const API_KEY = `ck_sandbox_${'5ec7e7'.repeat(10)}abcd`;

let bed: TestBed;
const children: ChildProcess[] = [];
beforeAll(async () => {
  bed = await startTestBed();
});
afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  await bed.stop();
});

interface Line {
  readonly [field: string]: unknown;
}

/** The real process, with a Conduit that is not there. */
function startApiProcess(env: Record<string, string> = {}, name = 'api') {
  const script = fileURLToPath(new URL(`../../../src/main/${name}.ts`, import.meta.url));
  const child = spawn(process.execPath, [script], {
    env: {
      PATH: process.env['PATH'],
      DATABASE_URL: bed.database.url,
      REDIS_URL: testRedisUrl(),
      CONDUIT_BASE_URL: 'http://127.0.0.1:1/v2',
      CONDUIT_API_KEY: API_KEY,
      CONDUIT_WEBHOOK_SECRET: 'whsec_5ec7e7',
      API_PORT: '0',
      METRICS_PORT: '0',
      TEMPORAL_METRICS_PORT: '0',
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.push(child);
  let out = '';
  let err = '';
  child.stdout.on('data', (text: Buffer) => {
    out += text.toString();
  });
  child.stderr.on('data', (text: Buffer) => {
    err += text.toString();
  });
  const lines = (): Line[] => out.split('\n').flatMap((line) => (line.endsWith('}') ? [JSON.parse(line) as Line] : []));
  const portIn = (field: string) =>
    eventually(
      field,
      async () => lines().find((line) => typeof line[field] === 'number')?.[field] as number | undefined,
    );
  return {
    child,
    lines,
    output: () => out + err,
    errors: () => err,
    apiUrl: async () => `http://127.0.0.1:${await portIn('port')}`,
    metricsUrl: async () => `http://127.0.0.1:${await portIn('metrics_port')}`,
    ended: new Promise<number | null>((resolve) => child.once('close', resolve)),
  };
}

test('the process serves, measures, logs without secrets, and ends cleanly when asked', async () => {
  const api = startApiProcess();
  const url = await api.apiUrl();
  const metricsUrl = await api.metricsUrl();
  for (const page of [
    `${url}/health/live`,
    `${url}/health/ready`,
    `${metricsUrl}/health/live`,
    `${metricsUrl}/health/ready`,
  ]) {
    expect((await fetch(page)).status).toBe(200);
  }
  const user = await addTestUser(bed.api.db);
  const reply = await fetch(`${url}/conditional-transfers/`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${user.key}`,
      'content-type': 'application/json',
      'x-request-id': 'seen-1',
      cookie: 'a=secret-cookie',
    },
    body: JSON.stringify(orderBody(user.id)),
  });
  expect(reply.status).toBe(503);
  expect(Number(reply.headers.get('retry-after'))).toBeGreaterThan(0);
  expect(await reply.json()).toMatchObject({ code: 'quote_unavailable', request_id: 'seen-1' });

  const served = await eventually('its line', async () =>
    api.lines().find((line) => line['event'] === 'request_served'),
  );
  expect(served).toMatchObject({
    service: 'api',
    level: 'warn',
    request_id: 'seen-1',
    method: 'POST',
    route: '/conditional-transfers',
    status: 503,
    code: 'quote_unavailable',
    duration_ms: expect.any(Number),
  });
  for (const secret of [user.key, API_KEY, 'secret-cookie', 'whsec_5ec7e7']) expect(api.output()).not.toContain(secret);

  const metrics = await (await fetch(`${metricsUrl}/metrics`)).text();
  expect(metrics).toMatch(
    /http_request_seconds_count\{service="api",route="\/conditional-transfers",method="POST",status="503"\} 1/,
  );
  // What only other processes measure would read as a zero that somebody measured.
  for (const name of ['outbox_lag_seconds', 'bridge_paused', 'pauses_active', 'open_orders'])
    expect(metrics).not.toContain(name);
  expect(metrics).toMatch(/conduit_call_seconds_count\{service="api",endpoint="quote",class="unavailable"\} 1/);

  api.child.kill('SIGTERM');
  expect(await api.ended).toBe(0);
  expect(api.lines().map((line) => line['event'])).toContain('process_stopped');
  expect(api.errors()).toBe('');
});

test('wrong settings end the process at once, each named, without a secret', async () => {
  const wrong = startApiProcess({
    CONDUIT_BASE_URL: 'http://127.0.0.1:1',
    CONDUIT_API_KEY: 'ck_live_5ec7e7',
    API_PORT: 'x',
  });
  expect(await wrong.ended).toBe(1);
  for (const name of ['CONDUIT_BASE_URL', 'CONDUIT_API_KEY', 'API_PORT']) expect(wrong.errors()).toContain(name);
  expect(wrong.output()).not.toContain('5ec7e7');
});

test('a sandbox key with the production host refuses to start', async () => {
  const wrong = startApiProcess({ CONDUIT_BASE_URL: 'https://api.conduit.financial/v2' });
  expect(await wrong.ended).toBe(1);
  expect(wrong.output()).toContain('ck_live_');
  expect(wrong.output()).not.toContain(API_KEY);
});

test.each([
  ['API_PORT', 'api'],
  ['METRICS_PORT', 'api'],
  ['TEMPORAL_METRICS_PORT', 'worker'],
])('a taken %s ends the %s with one line that says which, and what to do', async (name, program) => {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  const address = other.address();
  const port = typeof address === 'object' ? address?.port : 0;
  const late = startApiProcess({ [name]: String(port) }, program);
  expect(await late.ended).toBe(1);
  other.close();
  expect(late.errors()).toMatch(
    new RegExp(`^${name}: 127\\.0\\.0\\.1:${port} (is taken|cannot be had) .*another port .*\n$`),
  );
});

test('a HOST that is not of this machine ends the process with one line', async () => {
  const wrong = startApiProcess({ HOST: '192.0.2.1' });
  expect(await wrong.ended).toBe(1);
  expect(wrong.errors()).toMatch(/^METRICS_PORT: 192\.0\.2\.1:0 is not an address of this machine: correct HOST\.\n$/);
});

test('a process whose log nobody reads any more still ends when asked', async () => {
  const api = startApiProcess();
  await api.metricsUrl();
  api.child.stdout.destroy();
  api.child.kill('SIGTERM');
  const inTime = await Promise.race([api.ended, new Promise((resolve) => setTimeout(resolve, 8_000, 'hangs'))]);
  expect(inTime).not.toBe('hangs');
});
