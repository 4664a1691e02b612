import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { TOPICS } from '../../../src/db/outbox.ts';
import { ACTORS } from '../../../src/db/transition.ts';
import {
  ATTEMPT_STATUSES,
  canMoveAttempt,
  columnOf,
  isUnresolved,
  LINKED_EFFECTS,
  LOCK_FAULTS,
  LOOKUP_RESULTS,
  OBSERVED,
} from '../../../src/domain/attempt.ts';
import { canMoveOrder, isTerminalOrder, ORDER_REASONS, ORDER_STATUSES } from '../../../src/domain/order.ts';
import { SEND_OUTCOMES } from '../../../src/domain/replies.ts';
import { aSend, attemptIn, COLUMNS } from '../../support/builders.ts';

const MIGRATIONS = new URL('../../../migrations/', import.meta.url);

/** All of the schema as one text, as it stands after the last migration. */
const SCHEMA = readdirSync(MIGRATIONS)
  .filter((name) => name.endsWith('.sql'))
  .sort()
  .map((name) => readFileSync(new URL(name, MIGRATIONS), 'utf8'))
  .join('\n');

function bodyOf(table: string): string {
  const body = new RegExp(`create table ${table} \\(([\\s\\S]*?)\\n\\);`).exec(SCHEMA)?.[1];
  if (body === undefined) throw new Error(`no table ${table}`);
  return body;
}

/** The words that a column's check lets in. */
function wordsOf(table: string, column: string): string[] {
  const check = `check \\(${column} in \\(([^)]*)\\)\\)`;
  const created = new RegExp(`\\b${column} text[^,]*? ${check}`).exec(bodyOf(table))?.[1];
  const altered = [...SCHEMA.matchAll(new RegExp(`alter table ${table}\\n[^;]*?${check}`, 'g'))].at(-1)?.[1];
  const list = altered ?? created;
  if (list === undefined) throw new Error(`${table}.${column} has no list of words`);
  return [...list.matchAll(/'([^']*)'/g)].map(([, word]) => word ?? '').sort();
}

describe('the same words in TypeScript and in the schema', () => {
  test.each<[string, string, readonly string[]]>([
    ['orders', 'status', ORDER_STATUSES],
    ['orders', 'reason', ORDER_REASONS],
    ['orders', 'direction', ['<=', '>=']],
    ['transactions', 'status', ATTEMPT_STATUSES],
    ['transactions', 'observed', OBSERVED],
    ['transactions', 'lookup_result', LOOKUP_RESULTS],
    ['transactions', 'end_linked', LINKED_EFFECTS],
    ['transactions', 'end_kind', ['succeeded', 'failed', 'cancelled']],
    ['transactions', 'lock_fault', LOCK_FAULTS],
    ['transactions', 'closed_by', ['fence', 'reading']],
    ['conduit_sends', 'operation', ['create', 'execute', 'cancel']],
    ['conduit_sends', 'outcome', SEND_OUTCOMES],
    ['order_events', 'actor', ACTORS],
    ['outbox', 'topic', TOPICS],
  ])('%s.%s', (table, column, words) => {
    expect(wordsOf(table, column)).toEqual([...words].sort());
  });

  test('terminal states are those that the schema wants closed', () => {
    const closed = (table: string) =>
      [...(/\(closed_at is not null\) = \(status in \(([^)]*)\)\)/.exec(bodyOf(table))?.[1] ?? '').matchAll(/'(\w+)'/g)]
        .map(([, word]) => word ?? '')
        .sort();
    expect(closed('orders')).toEqual(ORDER_STATUSES.filter(isTerminalOrder).sort());
    const ends = ATTEMPT_STATUSES.filter((from) => !ATTEMPT_STATUSES.some((to) => canMoveAttempt(from, to)));
    expect(closed('transactions')).toEqual([...ends].sort());
  });
});

/** The edges that a trigger lets pass. */
function edgesOf(trigger: string): string[] {
  const body =
    new RegExp(`create function ${trigger}\\(\\)[\\s\\S]*?any \\(array\\[([^\\]]*)\\]`).exec(SCHEMA)?.[1] ?? '';
  return [...body.matchAll(/'([a-z]+>[a-z]+)'/g)].map(([, edge]) => edge ?? '').sort();
}

function edgesBy<T extends string>(states: readonly T[], canMove: (from: T, to: T) => boolean): string[] {
  return states.flatMap((from) => states.filter((to) => canMove(from, to)).map((to) => `${from}>${to}`)).sort();
}

describe('the state machines', () => {
  test('of the order: the same edges as the trigger', () => {
    const edges = edgesBy(ORDER_STATUSES, canMoveOrder);
    expect(edges).toEqual(edgesOf('check_order_edge'));
    expect(edges).toHaveLength(13);
  });

  test('of the attempt: the same edges as the trigger', () => {
    const edges = edgesBy(ATTEMPT_STATUSES, canMoveAttempt);
    expect(edges).toEqual(edgesOf('check_attempt_edge'));
    expect(edges).toHaveLength(13);
  });

  test('no way leads out of a terminal order, whatever is tried', () => {
    const walk = fc.array(fc.constantFrom(...ORDER_STATUSES), { maxLength: 30 });
    fc.assert(
      fc.property(walk, (tries) => {
        let status: (typeof ORDER_STATUSES)[number] = 'accepted';
        let end: string | null = null;
        for (const to of tries) {
          if (canMoveOrder(status, to)) status = to;
          if (end !== null) expect(status).toBe(end);
          if (isTerminalOrder(status)) end = status;
        }
      }),
    );
  });

  test('an executing order is never confirmed as cancelled, and nothing becomes accepted again', () => {
    expect(canMoveOrder('executing', 'cancelled')).toBe(false);
    expect(ORDER_STATUSES.filter((from) => canMoveOrder(from, 'accepted'))).toEqual([]);
    expect(ORDER_STATUSES.some((status) => canMoveOrder(status, status))).toBe(false);
  });
});

describe('columns of the transfer table', () => {
  test.each(COLUMNS)('%s by its stored facts', (column) => {
    expect(columnOf(attemptIn(column))).toBe(column);
  });

  test('a create is resolved by its own no-effect reply, by a 202, or because nothing left', () => {
    const outcomes = [null, ...SEND_OUTCOMES];
    const unresolved = outcomes.filter((outcome) => isUnresolved(aSend({ outcome })));
    expect(unresolved).toEqual([null, 'exists', 'unknown']);
    for (const outcome of outcomes) {
      const sends = [aSend({ outcome: 'no_effect', code: 'RATE_LIMITED' }), aSend({ outcome })];
      const isUnknown = isUnresolved(aSend({ outcome }));
      expect(columnOf(attemptIn('prepared', { sends }))).toBe(isUnknown ? 'unknown_create' : 'prepared');
    }
  });

  test('executing by a 202 or a claim seen, whatever else is unresolved', () => {
    const unresolved = aSend({ operation: 'execute' });
    const accepted = aSend({ operation: 'execute', outcome: 'accepted' });
    expect(columnOf(attemptIn('unknown_execute', { sends: [accepted, unresolved] }))).toBe('executing');
    for (const observed of ['claimed', 'terminal'] as const)
      expect(columnOf(attemptIn('unknown_execute', { observed, sends: [unresolved] }))).toBe('executing');
    expect(columnOf(attemptIn('unknown_execute', { observed: 'pending', sends: [unresolved] }))).toBe(
      'unknown_execute',
    );
    // Every execute refused and the reaction not yet recorded: still the column in which "own reply" is read.
    const refused = aSend({ operation: 'execute', outcome: 'no_effect', code: 'INSUFFICIENT_FUNDS' });
    expect(columnOf(attemptIn('unknown_execute', { sends: [refused] }))).toBe('unknown_execute');
  });
});
