import { join } from 'node:path';
import { afterAll, expect, jest, test } from '@jest/globals';
import getPort from 'get-port';
import { startProcess } from '../../../stack/processes.ts';
import { scratchDir } from '../../stack/support.ts';
import { eventually } from '../../support/eventually.ts';
import { testRedisUrl } from '../../support/redis.ts';
import { startTcpProxy } from '../../support/tcp-proxy.ts';
import { temporalAddress } from '../../support/temporal.ts';
import { closeHarnesses, createHarness } from './harness.ts';

jest.setTimeout(120_000);
afterAll(closeHarnesses);

test.each(['bridge', 'worker'] as const)(
  'a %s from which Temporal was taken lives, is not ready, and ends in its time when asked to',
  async (name) => {
    const { dir, remove } = scratchDir();
    const { databaseUrl, namespace, project } = await createHarness();
    const proxy = await startTcpProxy(temporalAddress());
    const port = await getPort({ host: '127.0.0.1' });
    const url = `http://127.0.0.1:${port}`;
    const child = await startProcess({
      name,
      script: `src/main/${name}.ts`,
      logFile: join(dir, `${name}.log`),
      readyUrl: `${url}/health/ready`,
      stopDeadlineMs: 45_000,
      env: {
        METRICS_PORT: String(port),
        TEMPORAL_METRICS_PORT: '0',
        DATABASE_URL: databaseUrl,
        REDIS_URL: testRedisUrl(),
        PUBSUB_PROJECT_ID: project.projectId,
        TEMPORAL_ADDRESS: proxy.address,
        TEMPORAL_NAMESPACE: namespace.namespace,
        CONDUIT_BASE_URL: 'http://127.0.0.1:1/v2',
        CONDUIT_API_KEY: `ck_sandbox_${'0'.repeat(64)}`,
      },
    });
    try {
      await proxy.cut();
      await eventually('red', async () => {
        const { failed } = (await (await fetch(`${url}/health/ready`)).json()) as { failed: string[] };
        return failed.includes('temporal');
      });
      expect((await fetch(`${url}/health/live`)).status).toBe(200);
      const askedAt = performance.now();
      expect(await child.stop()).toEqual({ code: 0, signal: null });
      expect(performance.now() - askedAt).toBeLessThan(name === 'bridge' ? 30_000 : 40_000);
    } finally {
      await child.stop();
      await proxy.close();
      remove();
    }
  },
);
