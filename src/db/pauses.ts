import type { Database, Sql, Transaction } from './client.ts';

/** `all`, `pair:<pair>` or `account:<account id>`. */
export type PauseScope = 'all' | `pair:${string}` | `account:${string}`;

export interface Pause {
  readonly scope: PauseScope;
  readonly reason: string;
  readonly automatic: boolean;
  readonly healsByProbe: boolean;
  readonly createdAt: number;
}

/** Set with the finding itself, so that no crash comes between them, and lifted by a person. */
export const FOR_A_PERSON = { scope: 'all', automatic: true, healsByProbe: false } as const;

/** Permits take it shared, a pause exclusively, both as their last lock: a pause that has committed binds every later permit. */
const PAUSE_LOCK = 7_201_001;

/** Whether a pause covers any of `scopes`; no pause can begin before the caller's transaction ends. */
export async function isPausedUnderLock(tx: Transaction, scopes: readonly PauseScope[]): Promise<boolean> {
  await tx`select pg_advisory_xact_lock_shared(${PAUSE_LOCK})`;
  const rows = await tx`select 1 from pauses where scope = any (${scopes as string[]})`;
  return rows.length > 0;
}

/** Begins a pause, or makes a present one a person's matter when a graver reason comes. True when there was none. */
export async function addPause(tx: Transaction, pause: Omit<Pause, 'createdAt'>): Promise<boolean> {
  await tx`select pg_advisory_xact_lock(${PAUSE_LOCK})`;
  const [row] = await tx<{ isNew: boolean }[]>`
    insert into pauses (scope, reason, automatic, heals_by_probe)
    values (${pause.scope}, ${pause.reason}, ${pause.automatic}, ${pause.healsByProbe})
    on conflict (scope) do update set
      reason = case when pauses.heals_by_probe and not excluded.heals_by_probe then excluded.reason else pauses.reason end,
      automatic = pauses.automatic and excluded.automatic,
      heals_by_probe = pauses.heals_by_probe and excluded.heals_by_probe
    returning xmax = 0 as is_new`; // Only a row that was just inserted has no older version.
  return row?.isNew === true;
}

/** Ends a pause; false when there was none. With `onlyHealing` a pause that only a person may lift stays. */
export async function liftPause(sql: Sql, scope: PauseScope, onlyHealing = false): Promise<boolean> {
  const rows = await sql`delete from pauses where scope = ${scope} and (heals_by_probe or not ${onlyHealing})`;
  return rows.count === 1;
}

/** Some of the pauses that a successful call lifts, in no order, so that each has its turn. */
export async function pausesToProbe(db: Database, limit: number): Promise<Pause[]> {
  return db<Pause[]>`
    select scope, reason, automatic, heals_by_probe, created_at from pauses
    where heals_by_probe order by random() limit ${limit}`;
}

export async function listPauses(db: Database): Promise<Pause[]> {
  return db<Pause[]>`select scope, reason, automatic, heals_by_probe, created_at from pauses order by created_at`;
}
