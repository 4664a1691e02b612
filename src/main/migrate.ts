// `npm run db:migrate`: brings the database up to the newest migration.
import { loadSettings } from '../config.ts';
import { migrateDatabase } from '../db/migrate.ts';
import { runCommand } from './command.ts';

await runCommand(async ({ say }) => {
  const { DATABASE_URL } = loadSettings(process.env, ['DATABASE_URL']);
  const ran = await migrateDatabase(DATABASE_URL);
  say(ran.length === 0 ? 'Nothing to migrate: the database is up to date.' : `Migrated: ${ran.join(', ')}.`);
});
