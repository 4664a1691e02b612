import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, jest, test } from '@jest/globals';
import { scratchDir } from './support.ts';

// Real services start here, beside whatever else the machine does.
jest.setTimeout(30_000);

const scratch = scratchDir();
afterAll(scratch.remove);

/** What the checks say on a machine that has these programs and no other. */
function checkWith(programs: Record<string, string>): string {
  const bin = join(scratch.dir, `bin-${Object.keys(programs).join('-')}-${Math.random()}`);
  mkdirSync(bin);
  for (const [name, script] of Object.entries(programs)) {
    writeFileSync(join(bin, name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(bin, name), 0o755);
  }
  const script = join(import.meta.dirname, 'fixtures', 'prerequisites.ts');
  const env = { PATH: bin };
  return spawnSync(process.execPath, [script, join(bin, 'sdk-root.txt')], { env, encoding: 'utf8' }).stdout;
}

test('all that is missing is told at once, each with what it is for and how to get it', () => {
  const told = checkWith({});
  expect(told).toMatch(/^Missing on this machine:$/m);
  expect(told).toMatch(/^ {2}- Python 3 \(`python3`\), needed for installing .*: apt-get install python3-pip/m);
  expect(told).toMatch(/^ {2}- Java 17 or newer \(java does not run\), needed for the Pub\/Sub emulator: apt-get/m);
  expect(told).toMatch(/^ {2}- the Google Cloud SDK \(`gcloud`\), needed for the Pub\/Sub emulator: https/m);
  expect(told.trim().split('\n')).toHaveLength(4);
});

test('a Python without pip, a Java that is too old and a Cloud SDK without its emulator are not enough', () => {
  const told = checkWith({
    python3: 'echo No module named pip >&2; exit 1',
    java: `echo 'openjdk version "11.0.22" 2024-01-16' >&2`,
    gcloud: 'echo /nowhere/google-cloud-sdk',
  });
  expect(told).toContain('- pip for Python 3');
  expect(told).toContain('- Java 17 or newer (java is version "11.0.22")');
  expect(told).toContain('- the emulator component of the Google Cloud SDK (no /nowhere/google-cloud-sdk/platform/');
  expect(told).toContain('gcloud components install pubsub-emulator');
});

test('a machine that has them all is told nothing, and gcloud is asked once', () => {
  const sdk = join(scratch.dir, 'sdk');
  const emulatorDir = join(sdk, 'platform', 'pubsub-emulator', 'bin');
  mkdirSync(emulatorDir, { recursive: true });
  writeFileSync(join(emulatorDir, 'cloud-pubsub-emulator'), '');
  const told = checkWith({
    python3: 'exit 0',
    java: `echo 'openjdk version "21.0.1" 2023-10-17' >&2`,
    gcloud: `echo asked >> ${sdk}/calls; test $(wc -l < ${sdk}/calls) = 1 && echo ${sdk}`.replace('wc', '/usr/bin/wc'),
  });
  expect(told).toBe('nothing is missing\n');
});
