// The judge reads nothing that is not whole.
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { SWEPT } from '../../../chaos/checker/evidence.ts';
import { TABLES } from '../../../chaos/checker/fields.ts';
import { cleanFolder, EXECUTED } from './clean-folder.ts';
import { callOf, factOf, heldBy, orderOf } from './facts.ts';
import { type Folder, judged, the } from './folder.ts';

const without = (row: object, name: string) => void Reflect.deleteProperty(row, name);

const SPOILED: readonly (readonly [what: string, spoil: (folder: Folder) => unknown, says: RegExp])[] = [
  [
    'a column',
    (folder) => without(orderOf(folder), 'expiresAt'),
    /orders.jsonl, line 1: expiresAt is undefined, not number/,
  ],
  [
    'a time that is none',
    (folder) => Object.assign(orderOf(folder), { closedAt: '2026-01-01' }),
    /orders.jsonl, line 1: closedAt is "2026-01-01", not number\?/,
  ],
  [
    'null where something must stand',
    (folder) =>
      Object.assign(
        the(folder.conduit_sends, (it) => it.operation === 'create'),
        { permittedAt: null },
      ),
    /conduit_sends.jsonl, line 1: permittedAt is null, not number/,
  ],
  [
    'a setting',
    (folder) => without(folder.meta, 'callsPerSecond'),
    /meta.json: callsPerSecond is undefined, not number/,
  ],
  ['what was planned', (folder) => without(folder.meta, 'planned'), /meta.json: planned is undefined/],
  [
    'the end of a call',
    (folder) => without(callOf(folder, EXECUTED, 'read'), 'endedAt'),
    /history.jsonl, line \d+: endedAt is undefined/,
  ],
  [
    'an entry of no kind',
    (folder) =>
      Object.assign(
        the(folder.history, (it) => it.kind === 'turn'),
        { kind: 'rumour' },
      ),
    /there is no kind rumour/,
  ],
  [
    'the time of an event',
    (folder) => without(folder.runs[0]?.runs[0]?.events[0] ?? {}, 'eventTime'),
    /an event of run run-.*: eventTime is undefined/,
  ],
  ['the time of a fact', (folder) => without(folder.ledger[0] ?? {}, 'at'), /ledger.jsonl, line 1: at is undefined/],
  [
    'the order of a claim',
    (folder) => without(factOf(folder, 'order.claimed'), 'order'),
    /fact \d+ of the ledger, order.claimed: order is undefined/,
  ],
  [
    'what is debited for it',
    (folder) => without(heldBy(folder, 'order.claimed'), 'totalDebit'),
    /fact \d+ of the ledger, order\.\w+: its order: totalDebit is undefined/,
  ],
  ['a file', (folder) => without(folder, 'dead_letters'), /ENOENT.*dead_letters.jsonl/],
  ['a file that is only swept', (folder) => without(folder, 'api_keys'), /ENOENT.*api_keys.jsonl/],
];

describe('what is missing proves nothing', () => {
  test.each(SPOILED)('%s', (_what, spoil, says) => {
    const folder = cleanFolder();
    spoil(folder);
    expect(() => judged(folder)).toThrow(says);
  });
});

const MIGRATIONS = new URL('../../../migrations/', import.meta.url);
const SQL = readdirSync(MIGRATIONS)
  .map((name) => readFileSync(new URL(name, MIGRATIONS), 'utf8'))
  .join('\n');

/** The columns that the migrations give a table: what the export selects is all of them, in camel case. */
function columnsOf(table: string): string[] {
  const [, made = ''] = new RegExp(`create table ${table} \\(\n([\\s\\S]*?)\n\\);`).exec(SQL) ?? [];
  const added = [...SQL.matchAll(new RegExp(`alter table ${table}\\s([^;]*);`, 'g'))].map(([, text = '']) => text);
  const names = [...made.matchAll(/^ {2}([a-z_]+) /gm), ...added.join('\n').matchAll(/add column ([a-z_]+) /g)];
  return names.map(([, name = '']) => name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()));
}

describe('what the judge reads is what the tables have', () => {
  test.each(Object.entries(TABLES))('%s', (table, fields) => {
    expect(columnsOf(table)).toEqual(expect.arrayContaining(Object.keys(fields)));
  });

  test.each(SWEPT)('%s', (table) => {
    expect(columnsOf(table)).not.toEqual([]);
  });

  test('no table is left out', () => {
    const tables = [...SQL.matchAll(/^create table ([a-z_]+) /gm)].map(([, name]) => name);
    expect(new Set([...Object.keys(TABLES), ...SWEPT])).toEqual(new Set(tables));
  });
});
