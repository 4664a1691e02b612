// What a run publishes: nothing that failed is forgotten, and nothing of other sources is told with it.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import {
  basisOf,
  hasPassed,
  type KeptResult,
  keepResult,
  publishedResults,
  resultsIn,
} from '../../../chaos/report/results.ts';
import { lineOf, markdownPage, summaryLine, textTable } from '../../../chaos/report/table.ts';

let dir = '';
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'results-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const BASIS = basisOf({ timeScale: 10, orders: undefined });

function aResult(change: Partial<KeptResult> = {}): KeptResult {
  return {
    id: 'F21',
    title: 'a fault',
    seed: 1,
    orders: 60,
    outcomes: { executed: 60 },
    faults: 3,
    violations: [],
    deliveredLate: 0,
    recoveryMs: 1_000,
    rested: true,
    seconds: 40,
    dir: '/evidence',
    basis: BASIS,
    ...change,
  };
}
const failed = aResult({ violations: [{ invariant: 'I1', orderId: null, text: 'twice' }] });

test('results are kept line by line, those that failed among them', () => {
  const file = join(dir, 'results.jsonl');
  expect(resultsIn(file, BASIS)).toEqual([]);
  keepResult(file, failed);
  keepResult(file, aResult());
  expect(resultsIn(file, BASIS).map(hasPassed)).toEqual([false, true]);
});

test.each([
  ['other sources', { sources: 'other' }],
  ['another pace', { timeScale: 1 }],
  ['another load', { orders: 5 }],
])('results of %s are not told together with these', (_, other) => {
  const file = join(dir, 'results.jsonl');
  keepResult(file, aResult({ basis: { ...BASIS, ...other } }));
  expect(resultsIn(file, BASIS)).toEqual([]);
  const published = join(dir, 'results.json');
  writeFileSync(published, JSON.stringify({ results: [aResult({ basis: { ...BASIS, ...other } })] }));
  expect(() => publishedResults(published, BASIS)).toThrow('other sources or settings');
});

test('published results of the same sources are taken; another file is refused', () => {
  const published = join(dir, 'results.json');
  writeFileSync(published, JSON.stringify({ results: [aResult()] }));
  expect(publishedResults(published, BASIS)).toHaveLength(1);
  expect(() => publishedResults(join(dir, 'none.json'), BASIS)).toThrow('not a file of results');
});

test('the hash of the sources is the same for the same files', () => {
  expect(basisOf({ timeScale: 10, orders: undefined })).toEqual(BASIS);
  expect(BASIS.sources).toMatch(/^[0-9a-f]{12}$/);
});

test('a violation stays in every table, however often the experiment passed afterwards', () => {
  const results = [failed, aResult(), aResult({ seed: 2, recoveryMs: 5_000 })];
  const row = '| F21 | a fault | 3 | 180 | 9 | 1 | 1.0 s | 5.0 s |';
  expect(markdownPage(results, [{ id: 'S14', title: 'a seam', why: 'no feature' }], 'About.')).toContain(row);
  expect(textTable(results, [])).toMatch(/F21 +a fault +3 +180 +9 +1 +1\.0 s +5\.0 s/);
  expect(summaryLine(results)).toBe('chaos: 1 experiments, 180 orders, 9 faults, 1 violations');
});

test('an order that never came to rest is a violation, also where no law was named', () => {
  expect(summaryLine([aResult({ rested: false })])).toBe('chaos: 1 experiments, 60 orders, 3 faults, 1 violations');
  expect(hasPassed(aResult({ rested: false }))).toBe(false);
});

test('what the network delivered far too late is told apart from the violations', () => {
  const late = aResult({ deliveredLate: 2 });
  expect(markdownPage([late, aResult()], [], 'About.')).toContain('2 requests took effect after an expiry');
  expect(lineOf(late, '1/1')).toContain('0 violations');
  expect(lineOf(late, '1/1')).toContain('2 requests took effect after an expiry');
  expect(markdownPage([aResult()], [], 'About.')).not.toContain('took effect');
});

test('what was not run is listed with its reason, and counts as nothing', () => {
  const notRun = [{ id: 'F43', title: 'a full volume', why: 'nobody may mount here' }];
  expect(textTable([], notRun)).toContain('F43  not run: nobody may mount here');
  expect(markdownPage([], notRun, 'About.')).toContain('- F43, a full volume: nobody may mount here');
  expect(summaryLine([])).toBe('chaos: 0 experiments, 0 orders, 0 faults, 0 violations');
});

test('the line of a result says what was found, and where its evidence is', () => {
  expect(lineOf(aResult(), '1/2')).toMatch(/^✓ 1\/2 F21 seed 1: a fault\n {4}60 orders \(60 executed\), 3 faults/);
  expect(lineOf(failed, '2/2')).toMatch(/^✗ 2\/2 [\s\S]*I1 {2}twice\n {4}evidence: \/evidence$/);
});
