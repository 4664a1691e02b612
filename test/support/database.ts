import { createHash, randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import postgres from 'postgres';
import { migrateDatabase } from '../../src/db/migrate.ts';

const MIGRATIONS = fileURLToPath(new URL('../../migrations/', import.meta.url));
const TEMPLATE_LOCK = 7_201_002;

/** An empty, migrated database that belongs to one test file. */
export interface TestDatabase {
  readonly url: string;
  drop(): Promise<void>;
}

/** Clones a migrated template, which the first caller of a run makes: a clone takes a tenth of what migrating takes. */
export async function createTestDatabase(): Promise<TestDatabase> {
  const server = new URL(required('DATABASE_URL'));
  const admin = postgres(server.href, { max: 1, onnotice: () => {} });
  const name = `t_${randomUUID().replaceAll('-', '').slice(0, 16)}`;
  try {
    const template = await ensureTemplate(admin, server);
    await admin.unsafe(`create database ${name} template ${template}`);
  } finally {
    await admin.end();
  }
  return {
    url: urlOf(server, name),
    async drop() {
      const again = postgres(server.href, { max: 1, onnotice: () => {} });
      await again.unsafe(`drop database if exists ${name} with (force)`);
      await again.end();
    },
  };
}

async function ensureTemplate(admin: postgres.Sql, server: URL): Promise<string> {
  const hash = createHash('sha256');
  for (const file of readdirSync(MIGRATIONS).sort()) hash.update(readFileSync(`${MIGRATIONS}${file}`));
  const template = `template_${hash.digest('hex').slice(0, 12)}`;
  await admin`select pg_advisory_lock(${TEMPLATE_LOCK})`;
  try {
    const [known] = await admin`select 1 from pg_database where datname = ${template}`;
    if (!known) {
      await admin.unsafe(`create database ${template}_new`);
      await migrateDatabase(urlOf(server, `${template}_new`));
      // Renamed only when whole, so that a run that was killed here leaves no half template.
      await admin.unsafe(`alter database ${template}_new rename to ${template}`);
    }
  } finally {
    await admin`select pg_advisory_unlock(${TEMPLATE_LOCK})`;
  }
  return template;
}

function urlOf(server: URL, database: string): string {
  const url = new URL(server.href);
  url.pathname = `/${database}`;
  return url.href;
}

function required(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: run the tests by \`npm test\`, which starts the services`);
  return value;
}
