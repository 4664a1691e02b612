import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';

const SRC = fileURLToPath(new URL('../../../src/', import.meta.url));

/** Where the sources read a machine's own wall clock, and why nothing that counts hangs on it. */
const READS: Record<string, string> = {
  'workflows/rate-watch.ts':
    "Temporal's time, which the sandbox puts in its place: it sizes the ticks, and claims count from PostgreSQL's",
  'clients/conduit/reply.ts':
    'the length of a `Retry-After` that is a date, where Conduit sent no `Date` beside it; a second to an hour in any case',
  'clients/temporal.ts':
    'when a call is given up, as the library wants it; and how far back visibility is asked, which only finds repairs sooner',
  'clients/temporal-stuck.ts':
    'how long a run that has failed its task three times in a row is given: too early only begins anew a run that any pass may begin anew',
  'main/machine-clock.ts': "the very thing that is held against PostgreSQL's",
  'main/admin/adopt.ts': 'refuses a mistyped year before anything is read',
};

const readsOwnClock = (text: string) => /\bDate\.now\b|\bnew Date\(\)/.test(text);

test("only these files read the machine's own clock: all else that is about time asks PostgreSQL, or a clock that never goes back", () => {
  const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
  expect(files.length).toBeGreaterThan(80);
  const reading = files.filter((file) => readsOwnClock(readFileSync(`${SRC}${file}`, 'utf8')));
  expect(reading.sort()).toEqual(Object.keys(READS).sort());
});
