import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { z } from 'zod';
import { Environment } from '../../simulator/config.ts';
import { Knobs } from '../../simulator/core/knobs.ts';
import { Action } from '../../simulator/faults/table.ts';

const README = readFileSync(new URL('../../simulator/README.md', import.meta.url), 'utf8');

/** The rows of the first table below a heading, cell by cell. */
function tableUnder(heading: string): string[][] {
  const below = README.slice(README.indexOf(heading));
  const [table = ''] = /^\|(?:.*\n\|)+.*$/m.exec(below) ?? [];
  const rows = table.split('\n').slice(2);
  return rows.map((row) =>
    row
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

function namesIn(cell = ''): string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name);
}

test('the README has every variable of the environment, and no other', () => {
  const named = tableUnder('## Environment').flatMap(([variable]) => namesIn(variable));
  expect(named.sort()).toEqual(Object.keys(Environment.shape).sort());
});

test('the README has every knob with its default', () => {
  const rows = tableUnder('## Knobs').map(([name, value]) => [...namesIn(name), JSON.parse(namesIn(value)[0] ?? '')]);
  expect(rows).toEqual(Object.entries(Knobs.parse({})));
});

type Schema = { properties?: Record<string, Schema>; enum?: unknown[]; anyOf?: Schema[]; items?: Schema };

/** The names of a fault's parameters, inner ones too, or the words that it takes. */
function parametersOf(schema: Schema): string[] {
  const inner = Object.entries(schema.properties ?? {}).flatMap(([name, one]) => [name, ...innerNames(one)]);
  return [...(schema.enum ?? []).map(String), ...inner];
}

function innerNames(schema: Schema): string[] {
  const own = Object.entries(schema.properties ?? {}).flatMap(([name, one]) => [name, ...innerNames(one)]);
  return [...own, ...(schema.anyOf ?? []).flatMap(innerNames)];
}

test('the README has every fault with its parameters, in the order in which they strike', () => {
  const rows = tableUnder('## Faults');
  const { properties = {} } = z.toJSONSchema(Action, { io: 'input' }) as Schema;
  expect(rows.flatMap(([name]) => namesIn(name))).toEqual(Object.keys(properties));
  for (const [index, [name, schema]] of Object.entries(properties).entries()) {
    const said = namesIn(rows[index]?.[1]);
    expect({ name, missing: parametersOf(schema).filter((one) => !said.includes(one)) }).toEqual({ name, missing: [] });
  }
});
