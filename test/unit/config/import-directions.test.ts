import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from '@jest/globals';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

/** What a file of each room may not say, and what it may: every line is judged by itself. */
const ROOMS: readonly {
  readonly file: string;
  readonly forbidden: readonly string[];
  readonly allowed: readonly string[];
}[] = [
  {
    file: 'src/domain/planted.ts',
    forbidden: ['../db/orders.ts', '../clients/redis.ts', '../workflows/messages.ts', '../config.ts', 'zod', 'node:fs'],
    allowed: ['./order.ts', 'decimal.js'],
  },
  {
    file: 'src/workflows/planted.ts',
    forbidden: [
      '../activities/index.ts',
      '../activities/transfers.ts',
      '../db/orders.ts',
      '../clients/temporal.ts',
      '../api/app.ts',
      '../logger.ts',
      '../config.ts',
      '@temporalio/client',
      'zod',
      'node:crypto',
    ],
    allowed: [
      './messages.ts',
      '../domain/order.ts',
      '../activities/interface.ts',
      '@temporalio/workflow',
      '@temporalio/common',
    ],
  },
  {
    file: 'src/db/planted.ts',
    forbidden: ['../clients/redis.ts', '../workflows/messages.ts', '../config.ts', 'postgres', 'pg', 'express'],
    allowed: ['./client.ts', '../domain/order.ts', 'node:url'],
  },
  { file: 'src/db/client.ts', forbidden: ['./orders.ts', 'node-pg-migrate', 'ioredis'], allowed: ['postgres'] },
  { file: 'src/db/migrate.ts', forbidden: ['postgres', './client.ts'], allowed: ['node-pg-migrate', 'node:url'] },
  {
    file: 'src/clients/planted.ts',
    forbidden: ['./redis.ts', './conduit/client.ts', '../db/client.ts', 'express', 'undici', '@temporalio/client'],
    allowed: ['../domain/order.ts', '../logger.ts', 'node:crypto'],
  },
  {
    file: 'src/clients/conduit/planted.ts',
    forbidden: ['../redis.ts', '../../db/client.ts', '../../api/app.ts', '../../config.ts', 'ioredis', 'express'],
    allowed: ['./http.ts', '../../domain/order.ts', 'undici', 'zod', 'node:zlib'],
  },
  {
    file: 'src/clients/redis-planted.ts',
    forbidden: ['./pubsub.ts', '../db/client.ts', 'undici'],
    allowed: ['./redis.ts', 'ioredis'],
  },
  {
    file: 'src/clients/pubsub.ts',
    forbidden: ['./temporal.ts', '../db/outbox.ts', '../pubsub-bridge/relay.ts'],
    allowed: ['@google-cloud/pubsub'],
  },
  {
    file: 'src/clients/temporal.ts',
    forbidden: ['../workflows/order.ts', '../activities/interface.ts', '../db/orders.ts', '@temporalio/worker'],
    allowed: ['../workflows/messages.ts', '@temporalio/client', '@temporalio/envconfig'],
  },
  {
    file: 'src/activities/planted.ts',
    forbidden: [
      '../api/app.ts',
      '../workflows/order.ts',
      '../pubsub-bridge/bridge.ts',
      'postgres',
      '@temporalio/client',
    ],
    allowed: ['./bell.ts', '../domain/decide.ts', '../db/orders.ts', '../clients/redis.ts', '../workflows/messages.ts'],
  },
  {
    file: 'src/api/planted.ts',
    forbidden: [
      '../clients/temporal.ts',
      '../clients/pubsub.ts',
      '../activities/index.ts',
      '../workflows/messages.ts',
      '../pubsub-bridge/relay.ts',
      '../main/process.ts',
      '../config.ts',
      '@temporalio/client',
      'postgres',
    ],
    allowed: [
      './problem.ts',
      '../domain/errors.ts',
      '../db/orders.ts',
      '../clients/conduit/client.ts',
      'zod',
      'express',
    ],
  },
  {
    file: 'src/pubsub-bridge/planted.ts',
    forbidden: [
      '../activities/reconcile.ts',
      '../workflows/order.ts',
      '../api/app.ts',
      '../clients/conduit/client.ts',
      '../config.ts',
      '@temporalio/client',
    ],
    allowed: ['./loop.ts', '../db/outbox.ts', '../clients/temporal.ts', '../workflows/messages.ts', 'zod'],
  },
  {
    file: 'src/main/admin/planted.ts',
    forbidden: ['../../../stack/paths.ts', '../../../test/support/world.ts', '../../../simulator/control.ts'],
    allowed: ['../../config.ts', '../../api/api-key.ts', '../../workflows/messages.ts'],
  },
  {
    file: 'src/new-room/planted.ts',
    forbidden: ['../../test/x.ts', '../../stack/x.ts', '../../chaos/x.ts'],
    allowed: [],
  },
  { file: 'src/logger.ts', forbidden: ['./db/client.ts', './config.ts', './main/process.ts'], allowed: ['pino'] },
  {
    file: 'simulator/wire/planted.ts',
    forbidden: [
      '../../src/domain/rate.ts',
      '../../stack/paths.ts',
      '../../test/support/world.ts',
      '@temporalio/client',
    ],
    allowed: ['../core/exact.ts', 'undici', 'zod'],
  },
];

/** Lines that are no import: who may read the environment, and what a pure rule may not touch. */
const STATEMENTS = [
  { file: 'src/api/environment.ts', line: "export const a = process.env['A'];", isForbidden: true },
  { file: 'src/activities/environment.ts', line: "export const a = process.env['A'];", isForbidden: true },
  { file: 'src/logger-environment.ts', line: "export const a = process.env['A'];", isForbidden: true },
  { file: 'src/main/environment.ts', line: "export const a = process.env['A'];", isForbidden: false },
  { file: 'src/config.ts', line: "export const a = process.env['A'];", isForbidden: false },
  { file: 'src/domain/clock.ts', line: 'export const a = Date.now();', isForbidden: true },
  { file: 'src/domain/environment.ts', line: 'export const a = process.pid;', isForbidden: true },
  { file: 'src/db/clock.ts', line: 'export const a = Date.now();', isForbidden: false },
];

let folder: string;
/** `file:line` of everything that the linter refused. */
let refused: Set<string>;

beforeAll(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'import-directions-')));
  cpSync(join(ROOT, 'biome.json'), join(folder, 'biome.json'));
  for (const { file, forbidden, allowed } of ROOMS) {
    plant(
      file,
      [...forbidden, ...allowed].map((path, i) => `export { a${i} } from '${path}';`),
    );
  }
  for (const { file, line } of STATEMENTS) plant(file, [line]);
  const rules = ['noRestrictedImports', 'noRestrictedGlobals', 'noProcessEnv'].map((rule) => `--only=style/${rule}`);
  const biome = spawnSync(
    process.execPath,
    [
      join(ROOT, 'node_modules/@biomejs/biome/bin/biome'),
      'lint',
      '--vcs-enabled=false',
      '--max-diagnostics=none',
      '--reporter=github',
      ...rules,
      '.',
    ],
    { cwd: folder, encoding: 'utf8' },
  );
  const errors = biome.stdout.matchAll(/^::error title=lint\/style\/\w+,file=([^,]+),line=(\d+)/gm);
  refused = new Set([...errors].map(([, file = '', line]) => `${relative(folder, file)}:${line}`));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function plant(file: string, lines: readonly string[]): void {
  mkdirSync(dirname(join(folder, file)), { recursive: true });
  writeFileSync(join(folder, file), `${lines.join('\n')}\n`);
}

test.each(ROOMS)('$file may import what its room may, and nothing else', ({ file, forbidden, allowed }) => {
  const paths = [...forbidden, ...allowed];
  expect(paths.filter((_, i) => refused.has(`${file}:${i + 1}`))).toEqual(forbidden);
});

test.each(STATEMENTS)('$file: "$line" is forbidden: $isForbidden', ({ file, isForbidden }) => {
  expect(refused.has(`${file}:1`)).toBe(isForbidden);
});
