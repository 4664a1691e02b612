import { fileURLToPath } from 'node:url';
import { runner } from 'node-pg-migrate';

const MIGRATIONS_DIR = fileURLToPath(new URL('../../migrations/', import.meta.url));
const MIGRATIONS_TABLE = 'schema_migrations';

/**
 * Brings the database up to the newest migration: all that are missing in one transaction, or none. Of two at once one waits for the
 * other and then finds nothing to do. Returns the names of those it ran.
 */
export async function migrateDatabase(databaseUrl: string): Promise<string[]> {
  const ran = await runner({
    databaseUrl,
    dir: MIGRATIONS_DIR,
    direction: 'up',
    migrationsTable: MIGRATIONS_TABLE,
    advisoryLockMode: 'wait',
    logger: { debug: quiet, info: quiet, warn: quiet, error: quiet },
  });
  return ran.map(({ name }) => name);
}

/** A failure is thrown as well; its caller says it once. */
function quiet(): void {}
