import type { Build, Wrappers } from './build.ts';
import { buildOf } from './catalogue.ts';
import { installMutations } from './mutate.ts';

/** Any number: one process at a time changes the schema. */
const SCHEMA_LOCK = 7_201_099;

const HEALTHY: Required<Wrappers> = { db: (db) => db, conduit: (client) => client };

/**
 * Makes this process the build that `CHAOS_BUILD` names, if it names one. To be awaited before anything of the product is imported;
 * what is returned goes around the objects that the product is given.
 */
export async function loadBuild(env: NodeJS.ProcessEnv = process.env): Promise<Required<Wrappers>> {
  const name = env['CHAOS_BUILD'];
  if (name === undefined) return HEALTHY;
  const build = buildOf(name);
  installMutations(build.mutations ?? []);
  await unguard(build, env['DATABASE_URL'] ?? '');
  return { ...HEALTHY, ...build.wrappers };
}

async function unguard({ unguard: statements = [] }: Build, url: string): Promise<void> {
  if (statements.length === 0) return;
  // Not before the build has changed what it changes of the driver.
  const { default: postgres } = await import('postgres');
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  try {
    await sql.begin(async (tx) => {
      await tx`select pg_advisory_xact_lock(${SCHEMA_LOCK})`;
      for (const statement of statements) await tx.unsafe(statement);
    });
  } finally {
    await sql.end({ timeout: 2 });
  }
}
