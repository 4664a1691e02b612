import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, jest, test } from '@jest/globals';
import getPort from 'get-port';
import { orderWorkflowId } from '../../../src/workflows/messages.ts';
import { startProcess } from '../../../stack/processes.ts';
import { scratchDir } from '../../stack/support.ts';
import { eventually } from '../../support/eventually.ts';
import { closeHarnesses, createHarness, placeOrder } from './harness.ts';

jest.setTimeout(40_000);
afterAll(closeHarnesses);

test('the process is ready when all it needs answers, shows its metrics, and ends with code 0 when asked to', async () => {
  const { dir, remove } = scratchDir();
  const { db, databaseUrl, namespace, project } = await createHarness();
  const port = await getPort({ host: '127.0.0.1' });
  const url = `http://127.0.0.1:${port}`;
  const bridge = await startProcess({
    name: 'bridge',
    script: 'src/main/bridge.ts',
    logFile: join(dir, 'bridge.log'),
    readyUrl: `${url}/health/ready`,
    env: {
      METRICS_PORT: String(port),
      DATABASE_URL: databaseUrl,
      PUBSUB_PROJECT_ID: project.projectId,
      TEMPORAL_NAMESPACE: namespace.namespace,
      CONDUIT_API_KEY: `ck_sandbox_${'0'.repeat(64)}`,
    },
  });
  try {
    const order = await placeOrder(db);
    await eventually('the run', () => namespace.signalsOf(orderWorkflowId(order.id)));
    const metrics = await eventually('the metric', async () => {
      const text = await (await fetch(`${url}/metrics`)).text();
      return text.includes('result="started",service="bridge"} 1') && text;
    });
    expect(metrics).toMatch(/^outbox_pending\{service="bridge"\} 0$/m);
    expect(metrics).toMatch(/^bridge_paused\{service="bridge"\} 0$/m);

    expect(await bridge.stop()).toEqual({ code: 0, signal: null });
    expect(readFileSync(bridge.logFile, 'utf8')).toContain('"event":"process_stopped"');
  } finally {
    await bridge.stop();
    remove();
  }
});
