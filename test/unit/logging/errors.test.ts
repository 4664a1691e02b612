import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const PROGRAM = `
  import { createLogger } from './src/logger.ts';
  import { requestLog } from './src/api/request-log.ts';
  import { createMetrics } from './src/metrics.ts';
  const err = Object.assign(new Error('new row for relation "orders" violates a constraint'), {
    code: '23514',
    constraint_name: 'expires_after_creation',
    detail: 'Failing row contains (1, wlt_source, wlt_destination).',
    where: 'SQL statement "insert"',
  });
  const log = createLogger('test', 'info');
  log.error({ err }, 'by the logger');
  const req = { headers: {}, method: 'GET', url: '/' };
  const res = { setHeader() {}, on() {}, once() {}, removeListener() {}, locals: {} };
  requestLog(log, createMetrics('api'))[0](req, res, () => req.log.error({ err }, 'by a request'));
`;

test('of an error of PostgreSQL all is logged but the row that it refused', () => {
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module-typescript', '-e', PROGRAM], {
    cwd: ROOT,
    encoding: 'utf8',
    timeout: 20_000,
  });
  const lines = stdout.split('\n').filter(Boolean);
  expect({ count: lines.length, stderr }).toEqual({ count: 2, stderr: '' });
  for (const line of lines) {
    const { err } = JSON.parse(line) as { err: Record<string, unknown> };
    expect(err).toMatchObject({
      type: 'Error',
      message: 'new row for relation "orders" violates a constraint',
      stack: expect.stringContaining('at '),
      code: '23514',
      constraint_name: 'expires_after_creation',
    });
    expect(line).not.toMatch(/wlt_|SQL statement/);
  }
});
