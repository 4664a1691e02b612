import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import { randomFrom } from '../../../chaos/load/random.ts';
import { planBoots } from '../../../chaos/security/boot-cases.ts';
import { type Boot, type Ending, judgeEnding } from '../../../chaos/security/boots.ts';
import { ANY_TEXT, brokenRelations, wrongValues } from '../../../chaos/security/wrong-settings.ts';
import { ConfigError, ENV_SCHEMA, loadConfig } from '../../../src/config.ts';

const SECRET = '5ec7e7aaaa';
const VALUES = Object.entries(wrongValues(SECRET));
const dir = mkdtempSync(join(tmpdir(), 'boots-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

test('every setting has values that it cannot have, or may have any text', () => {
  expect([...VALUES.map(([name]) => name), ...ANY_TEXT].toSorted()).toEqual(Object.keys(ENV_SCHEMA.shape).toSorted());
  for (const name of ANY_TEXT) expect(ENV_SCHEMA.shape[name].safeParse('any text\u0000').success).toBe(true);
});

test.each(VALUES)('%s: none of its wrong values is taken', (name, values) => {
  const schema = ENV_SCHEMA.shape[name as keyof typeof ENV_SCHEMA.shape];
  expect(values.length).toBeGreaterThan(1);
  expect(values.filter((value) => schema.safeParse(value).success)).toEqual([]);
});

function namesIn(env: Record<string, string>): string[] {
  try {
    loadConfig(env);
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.message.split('\n').map((line) => line.split(':')[0] ?? '');
  }
}

const [SANDBOX_KEY, LIVE_KEY] = [`ck_sandbox_${'0'.repeat(64)}`, `ck_live_${'0'.repeat(64)}`];
test.each(brokenRelations(SANDBOX_KEY, LIVE_KEY))(
  'of settings that do not go together $names are named',
  ({ env, names }) => {
    expect(namesIn({ CONDUIT_API_KEY: SANDBOX_KEY, ...env }).toSorted()).toEqual([...names].toSorted());
  },
);

describe('the plan', () => {
  const { boots, secrets } = planBoots({ random: randomFrom(7), dir, takenPort: '1' });

  test('has every program, and can tell any two settings apart', () => {
    expect(new Set(boots.map(({ program }) => program))).toEqual(
      new Set(['api', 'bridge', 'worker', 'migrate', 'admin']),
    );
    const wrong = boots.filter(({ what }) => /^\d+ wrong settings/.test(what));
    const appearances = VALUES.map(([name]) => wrong.map(({ names }) => names.includes(name)).join());
    expect(new Set(appearances).size).toBe(VALUES.length);
  });

  test('holds secrets in what it starts the programs with', () => {
    for (const secret of secrets)
      expect(boots.some(({ env }) => Object.values(env).some((it) => it.includes(secret)))).toBe(true);
  });

  test('leads to nobody: no program that starts in spite of all meets a service', () => {
    const addresses = boots.flatMap(({ env }) =>
      Object.values(env).flatMap((it) => it.match(/127\.0\.0\.1:\d+/g) ?? []),
    );
    expect(new Set(addresses)).toEqual(new Set(['127.0.0.1:1']));
  });
});

describe('an end of a program', () => {
  const BOOT: Boot = { what: 'x', program: 'api', env: {}, names: ['API_PORT', 'LOG_LEVEL'] };
  const stderr = 'The configuration is wrong:\n  API_PORT: must be a whole number\n  LOG_LEVEL: Invalid option\n';
  const ENDING: Ending = { code: 1, stdout: '', stderr, ms: 300, isLate: false };
  const faults = (some: Partial<Ending>, boot: Partial<Boot> = {}) =>
    judgeEnding({ ...BOOT, ...boot }, { ...ENDING, ...some }, [SECRET]).map(
      ({ invariant, text }) => `${invariant} ${text}`,
    );

  test('that names what is wrong is right', () => {
    expect(faults({})).toEqual([]);
    expect(faults({ stderr: `${stderr}  LOG_LEVEL: and another fault of it\n` })).toEqual([]);
  });

  test.each([
    ['success', { code: 0 }, 'I14 api ended with code 0; started with x'],
    ['a signal', { code: null }, 'I14 api ended with code null; started with x'],
    ['none in time', { code: null, isLate: true }, 'I14 api had not ended after 10 s; started with x'],
    ['one name less', { stderr: '  API_PORT: wrong\n' }, 'I14 api does not name LOG_LEVEL; started with x'],
    ['one name more', { stderr: `${stderr}  HOST: wrong\n` }, 'I14 api names HOST, which is right; started with x'],
    [
      'a line twice',
      { stderr: `${stderr}  API_PORT: must be a whole number\n` },
      'I14 api says twice:   API_PORT: must be a whole number; started with x',
    ],
    ['a stack', { stderr: `${stderr}    at run (file:///a.ts:1:2)\n` }, 'I14 api shows a stack; started with x'],
    ['a secret', { stderr: `${stderr}got ${SECRET}\n` }, 'I15 api shows 5ec7e7aaaa…, which is secret; started with x'],
    ['a secret in its log', { stdout: SECRET }, 'I15 api shows 5ec7e7aaaa…, which is secret; started with x'],
  ])('that is %s is a fault', (_what, some, fault) => {
    expect(faults(some)).toEqual([fault]);
  });

  test('must say what it is asked to say', () => {
    expect(faults({}, { says: 'HOST' })).toHaveLength(1);
  });
});
