import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseEnv } from 'node:util';
import { expect, test } from '@jest/globals';
import { ENV_SCHEMA, loadConfig, SECRETS } from '../../../src/config.ts';

const TEXT = readFileSync(fileURLToPath(new URL('../../../.env.example', import.meta.url)), 'utf8');

/** The lines that set something, and those that would if they were not commented out. */
const ACTIVE = parseEnv(TEXT);
const COMMENTED = [...TEXT.matchAll(/^# ([A-Z][A-Z0-9_]*)=(.*)$/gm)].map(([, name = '', value = '']) => ({
  name,
  value,
}));

const SETTINGS = Object.entries(ENV_SCHEMA.shape).map(([name, schema]) => ({ name, ...defaultOf(schema) }));

function defaultOf(schema: (typeof ENV_SCHEMA.shape)[keyof typeof ENV_SCHEMA.shape]) {
  const parsed = schema.safeParse(undefined);
  return { hasDefault: parsed.success && parsed.data !== undefined, value: String(parsed.data) };
}

const names = (settings: readonly { readonly name: string }[]) => settings.map(({ name }) => name).sort();

test('.env.example sets exactly the settings that have a default, each to that default', () => {
  const defaults = SETTINGS.filter(({ hasDefault }) => hasDefault).map(({ name, value }) => [name, value]);
  expect(ACTIVE).toEqual(Object.fromEntries(defaults));
});

test("its commented lines are exactly the settings without a default, the files of the secrets and Temporal's own", () => {
  const wanted = [
    ...names(SETTINGS.filter(({ hasDefault }) => !hasDefault)),
    ...SECRETS.map((name) => `${name}_FILE`),
  ].sort();
  expect(names(COMMENTED.filter(({ name }) => !name.startsWith('TEMPORAL_')))).toEqual(wanted);
  expect(names(COMMENTED)).toContain('TEMPORAL_ADDRESS');
  for (const { value } of COMMENTED) expect(value).toBe('');
});

test('no variable is named twice', () => {
  const lines = [...TEXT.matchAll(/^(?:# )?([A-Z][A-Z0-9_]*)=/gm)].map(([, name]) => name);
  expect(lines).toEqual([...new Set(lines)]);
});

test('each variable has its reason: a comment above it, alone or for its neighbours', () => {
  const blocks = TEXT.split(/\n\n+/).filter((block) => /^(# )?[A-Z][A-Z0-9_]*=/m.test(block));
  for (const block of blocks) expect(block).toMatch(/^# (?![A-Z0-9_]+=)\S/);
});

test('a copy of it with a key is a configuration, and the same as none but the key', () => {
  const CONDUIT_API_KEY = `ck_sandbox_${'0'.repeat(64)}`;
  expect(loadConfig({ ...ACTIVE, CONDUIT_API_KEY })).toEqual(loadConfig({ CONDUIT_API_KEY }));
});
