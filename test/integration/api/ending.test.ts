import { type ChildProcess, spawn } from 'node:child_process';
import { createHmac, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { Agent, createServer, request, type Server } from 'node:http';
import { connect } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { eventually } from '../../support/eventually.ts';
import { testRedisUrl } from '../../support/redis.ts';
import { addTestUser, orderBody, startTestBed, type TestBed, type TestUser, WEBHOOK_SECRET } from './support.ts';

// Processes start in here, each of which takes a second on a busy machine.
jest.setTimeout(40_000);

let bed: TestBed;
let user: TestUser;
/** A Conduit that keeps a quote waiting until a test lets it go. */
let conduit: Server;
let letGo = () => {};
let isAsked = false;
const children: ChildProcess[] = [];

beforeAll(async () => {
  bed = await startTestBed();
  user = await addTestUser(bed.api.db);
  conduit = createServer((req, res) => {
    isAsked = true;
    req.resume();
    letGo = () => res.writeHead(503).end();
  });
  conduit.listen(0, '127.0.0.1');
  await once(conduit, 'listening');
});
afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  conduit.close();
  await bed.stop();
});

async function startApi(env: Record<string, string> = {}) {
  const address = conduit.address();
  const script = fileURLToPath(new URL('../../../src/main/api.ts', import.meta.url));
  const child = spawn(process.execPath, [script], {
    env: {
      PATH: process.env['PATH'],
      DATABASE_URL: bed.database.url,
      REDIS_URL: testRedisUrl(),
      CONDUIT_BASE_URL: `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/v2`,
      CONDUIT_API_KEY: `ck_sandbox_${'0'.repeat(64)}`,
      CONDUIT_WEBHOOK_SECRET: WEBHOOK_SECRET,
      API_PORT: '0',
      METRICS_PORT: '0',
      ...env,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  let out = '';
  child.stdout.on('data', (bytes: Buffer) => {
    out += bytes.toString();
  });
  const portOf = (field: string) =>
    eventually(field, async () => Number(new RegExp(`"${field}":(\\d+)`).exec(out)?.[1]) || null);
  const ended = once(child, 'close').then(([code]) => code as number | null);
  return { child, ended, port: await portOf('port'), metricsPort: await portOf('metrics_port') };
}

/** Posts on a connection that would be kept for the next request. */
async function post(agent: Agent, port: number, body: object) {
  const sent = request({
    agent,
    port,
    host: '127.0.0.1',
    method: 'POST',
    path: '/orders',
    headers: { authorization: `Bearer ${user.key}`, 'content-type': 'application/json' },
  }).end(JSON.stringify(body));
  const [reply] = await once(sent, 'response');
  reply.resume();
  return { status: reply.statusCode, connection: reply.headers.connection };
}

test('asked to end, the process answers what is under way, and does not wait for the connection behind it', async () => {
  const { child, ended, port, metricsPort } = await startApi();
  const agent = new Agent({ keepAlive: true });
  isAsked = false;
  const answer = post(agent, port, orderBody(user.id));
  await eventually('the quote', async () => isAsked);
  child.kill('SIGTERM');
  await eventually('no new connection', async () => {
    const socket = connect(port, '127.0.0.1');
    const isRefused = await once(socket, 'connect').then(
      () => false,
      () => true,
    );
    socket.destroy();
    return isRefused;
  });
  // It lives, and is not ready: who asks before sending it work shall not.
  const asked = async (page: string) => (await fetch(`http://127.0.0.1:${metricsPort}/health/${page}`)).json();
  expect(await asked('ready')).toEqual({ status: 'not_ready', failed: ['stopping'] });
  expect(await asked('live')).toEqual({ status: 'live' });
  const releasedAt = performance.now();
  letGo();
  expect(await answer).toEqual({ status: 503, connection: 'close' });
  expect(await ended).toBe(0);
  expect(performance.now() - releasedAt).toBeLessThan(5_000);
  agent.destroy();
});

test('a request that never comes whole keeps the process no longer than its last answer may take', async () => {
  const { child, ended, port } = await startApi();
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {});
  socket.write('POST /webhooks/conduit HTTP/1.1\r\nHost: test\r\nContent-Length: 100\r\n\r\n{');
  await once(socket, 'connect');
  await fetch(`http://127.0.0.1:${port}/health/live`);
  child.kill('SIGTERM');
  expect(await ended).toBe(0);
}, 30_000);

/** Before anything of ours is loaded: this process thinks that it is ten minutes later, or earlier. */
const shifted = (ms: number) => ({
  NODE_OPTIONS: `--import=data:text/javascript,const%20o=Date.now;Date.now=()=>o()%2B(${ms})`,
});

test.each([600_000, -600_000])(
  'a machine whose clock is %i ms away drops no good event, takes no old one, and says so',
  async (shiftMs) => {
    const { port, metricsPort } = await startApi(shifted(shiftMs));
    const deliver = async (ageS: number) => {
      const body = JSON.stringify({
        id: `evt_${randomUUID().replaceAll('-', '').slice(0, 22)}`,
        type: 'order.succeeded',
        data: {},
      });
      const t = Math.floor(Date.now() / 1_000) - ageS;
      const v1 = createHmac('sha256', WEBHOOK_SECRET).update(`${t}.${body}`).digest('hex');
      const headers = { 'x-conduit-signature': `t=${t},v1=${v1}` };
      return (await fetch(`http://127.0.0.1:${port}/webhooks/conduit`, { method: 'POST', headers, body })).status;
    };
    expect(await Promise.all([0, 295, -295].map(deliver))).toEqual([200, 200, 200]);
    // These are fresh by the machine's own clock.
    expect(await Promise.all([302, -302, 600, -600].map(deliver))).toEqual([401, 401, 401, 401]);
    const expiresAt = new Date(Date.now() + 90_000).toISOString();
    const headers = { authorization: `Bearer ${user.key}`, 'content-type': 'application/json' };
    const body = JSON.stringify(orderBody(user.id, { expires_at: expiresAt }));
    const refused = await fetch(`http://127.0.0.1:${port}/orders`, { method: 'POST', headers, body });
    expect(await refused.json()).toMatchObject({ code: 'expiry_out_of_range' });
    const metrics = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text();
    const skew = Number(/^machine_clock_skew_seconds\{service="api"\} (\S+)$/m.exec(metrics)?.[1]);
    expect(Math.abs(skew - shiftMs / 1_000)).toBeLessThan(1);
    expect(metrics).toMatch(/^alerts_total\{alert="machine_clock_skew",service="api"\} 1$/m);
  },
);
