import { ConfigError, loadSettings } from '../config.ts';
import { connectDatabase, type Database, isDatabaseUnavailable } from '../db/client.ts';

/** Where a command speaks: results to standard output, alone, so that they can be piped; everything else to standard error. */
export interface CommandIo {
  readonly say: (line: string) => void;
  readonly tell: (line: string) => void;
}

/** The command was called wrongly: exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** The command could not do what it was asked, for the reason in the message: exit code 1. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
}

/** Runs a command and turns its end into a clear line and an exit code: 0, 1 for a failure, 2 for wrong use. */
export async function runCommand(main: (io: CommandIo) => Promise<void>): Promise<void> {
  const io: CommandIo = {
    say: (line) => process.stdout.write(`${line}\n`),
    tell: (line) => process.stderr.write(`${line}\n`),
  };
  try {
    await main(io);
  } catch (error) {
    io.tell(explain(error));
    process.exitCode = error instanceof UsageError ? 2 : 1;
  }
}

/** What PostgreSQL refuses for a reason that whoever runs a command can do something about, by its SQLSTATE. */
const REFUSALS: Record<string, string> = {
  '3D000': 'There is no such database as DATABASE_URL names: create it, or correct the name.',
  '28000': 'PostgreSQL does not let in the user of DATABASE_URL: create it, or correct the name.',
  '28P01': 'PostgreSQL does not take the password of DATABASE_URL.',
  '42501': 'The user of DATABASE_URL may not do this: it must own the tables.',
  '42703': 'The tables are of another release. Run: npm run db:migrate',
  '42P01': 'The database has no tables yet. Run: npm run db:migrate',
  '55P03': 'Somebody holds what this needs for longer than a second: run the same command again.',
};

function explain(error: unknown): string {
  if (error instanceof UsageError) return `${error.message}\nSee: npm run admin -- --help`;
  if (error instanceof CommandError) return error.message;
  if (error instanceof ConfigError) return `The configuration is wrong:\n${error.message.replace(/^/gm, '  ')}`;
  const refusal = REFUSALS[codeOf(error)];
  if (refusal !== undefined) return refusal;
  if (isDatabaseUnavailable(error))
    return `PostgreSQL does not answer at the address in DATABASE_URL (${codeOf(error)}).`;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

function codeOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : 'no code';
}

/** Gives a command the database, and lets go of it at the end. */
export async function withDatabase<Result>(work: (db: Database) => Promise<Result>): Promise<Result> {
  const { DATABASE_URL } = loadSettings(process.env, ['DATABASE_URL']);
  const db = connectDatabase({ url: DATABASE_URL, applicationName: 'conduitpay-admin', maxConnections: 1 });
  try {
    return await work(db);
  } finally {
    await db.end({ timeout: 1 });
  }
}
