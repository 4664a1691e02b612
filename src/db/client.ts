import { connect, type Socket } from 'node:net';
import postgres from 'postgres';

/** Instants cross the driver as milliseconds since the epoch; decimals stay the text that PostgreSQL prints. */
type InstantType = { instant: number };

export type Database = postgres.Sql<InstantType>;
export type Transaction = postgres.TransactionSql<InstantType>;
/** A connection or an open transaction: whoever calls decides which. */
export type Sql = Database | Transaction;

export interface DatabaseOptions {
  readonly url: string;
  /** Shown in pg_stat_activity. */
  readonly applicationName: string;
  readonly maxConnections: number;
}

const TIMESTAMPTZ = 1184;

/** Longer than any statement and any idle transaction may take: a connection silent for so long in use is dead. */
const SILENCE_MS = 10_000;
/** Shorter, so that a connection that is merely idle is closed in good order before. */
const IDLE_S = 8;

/**
 * A pool with every wait bounded: a lock held for a second, a statement of five, an idle transaction of two or a server that has gone
 * silent for ten is an error that the caller answers "again" to, never a hang. Renames columns to camelCase, but no key inside a
 * jsonb value.
 */
export function connectDatabase({ url, applicationName, maxConnections }: DatabaseOptions): Database {
  return postgres(url, {
    max: maxConnections,
    connect_timeout: 3,
    // The driver's own delay grows to twenty seconds, for which a query would hang, and the server be thought away after its return.
    backoff: () => 0.1 + 0.2 * Math.random(),
    idle_timeout: IDLE_S,
    max_lifetime: 30 * 60,
    keep_alive: 10,
    ...({
      // Both documented by the driver, forgotten by its types.
      socket: openSocket,
      // One statement at a time on each connection: what becomes of one is never told to the caller of another.
      max_pipeline: 0,
    } as object),
    transform: { column: { from: postgres.toCamel } },
    connection: {
      application_name: applicationName,
      lock_timeout: 1_000,
      statement_timeout: 5_000,
      idle_in_transaction_session_timeout: 2_000,
      TimeZone: 'UTC',
    },
    types: {
      instant: {
        to: TIMESTAMPTZ,
        from: [TIMESTAMPTZ],
        serialize: (ms: number | string | Date) => (typeof ms === 'number' ? new Date(ms).toISOString() : String(ms)),
        parse: (text: string) => Date.parse(text),
      },
    },
    onnotice: () => {},
  });
}

/**
 * A socket that ends by itself when nothing comes back: keep-alive does not see a peer that vanished with our bytes on the way,
 * and the system would retransmit them for a quarter of an hour.
 */
function openSocket(
  { host, port, path }: { host: string[]; port: number[]; path?: string | false },
  failures: number,
): Socket {
  // The driver leaves the choice among several hosts to whoever opens the socket: each in turn, from the first.
  const next = failures % host.length;
  const socket = path ? connect(path) : connect(port[next] ?? 5432, host[next]);
  // From here the driver takes the name that it asks a certificate for.
  if (!path) Object.assign(socket, { host: host[next] });
  socket.setTimeout(SILENCE_MS, () => {
    socket.destroy(Object.assign(new Error('the database has gone silent'), { code: 'ETIMEDOUT' }));
  });
  return socket;
}

/** Whether the database can be worked with: migrated, and not read-only. Throws when it cannot be asked. */
export async function isUsable(db: Database): Promise<boolean> {
  const [row] = await db<{ isReadOnly: string }[]>`
    select current_setting('transaction_read_only') as is_read_only from (select 1) s left join orders on false`;
  return row?.isReadOnly === 'off';
}

const DEADLOCK = '40P01';
const SERIALIZATION = '40001';
/** Nothing of a deadlock's victim was kept, so the whole transaction is simply run again; three times at most. */
const MAX_TRIES = 3;

/** Runs `work` in one transaction, again from its start after a deadlock. `work` must have no effect outside it. */
export async function inTransaction<T>(db: Database, work: (tx: Transaction) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return (await db.begin(work)) as T;
    } catch (error) {
      if (attempt >= MAX_TRIES || !isSqlState(error, DEADLOCK, SERIALIZATION)) throw error;
    }
  }
}

/** Whether `error` is PostgreSQL's, with one of these SQLSTATEs. */
export function isSqlState(error: unknown, ...states: string[]): boolean {
  return error instanceof postgres.PostgresError && states.includes(error.code);
}

/** Whether `error` is PostgreSQL's refusal of a row by the constraint of this name. */
export function isRefusedBy(error: unknown, constraint: string): boolean {
  return error instanceof postgres.PostgresError && error.constraint_name === constraint;
}

/** A lock that somebody held for longer than one is waited for. */
export const LOCK_NOT_AVAILABLE = '55P03';

// Besides what is away or busy: a standby that is not yet promoted, a login or a database that is not (yet) there.
const UNAVAILABLE_STATES = /^(08|53|57P|55P03|57014|25P03|25006|28|3D000|40P01|40001)/;
const UNAVAILABLE_CODES =
  /^(CONNECT_TIMEOUT|CONNECTION_CLOSED|CONNECTION_ENDED|CONNECTION_DESTROYED|ECONNREFUSED|ECONNRESET|ECONNABORTED|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|ENETDOWN)$/;

/** Whether the database could not be asked just now: away, out of connections, a lock or a statement timed out. */
export function isDatabaseUnavailable(error: unknown): boolean {
  if (typeof error !== 'object' || error === null || !('code' in error) || typeof error.code !== 'string') return false;
  return (
    UNAVAILABLE_CODES.test(error.code) ||
    (error instanceof postgres.PostgresError && UNAVAILABLE_STATES.test(error.code))
  );
}
