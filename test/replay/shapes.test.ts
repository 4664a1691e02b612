import { statSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { allScenes } from './scenes/index.ts';
import { fingerprintOf, missingStep, namesOf, shapeOf, stepsOf } from './shape.ts';
import { HISTORIES, readHistory, readReleases, readText, storedNames } from './stored.ts';

const names = storedNames();
const words = new Map(names.map((name) => [name, stepsOf(readHistory(name)).map((step) => step.word)]));
const takes = Object.fromEntries(allScenes().flatMap(({ takes: given }) => Object.entries(given)));

test('no two stored histories are of one shape', () => {
  const namesByShape = Map.groupBy(names, (name) => fingerprintOf(readHistory(name)));
  const shared = [...namesByShape.values()].filter(({ length }) => length > 1);
  expect(shared).toEqual([]);
});

test('what Temporal alone compares, types of events and names, differs in most of them', () => {
  expect(new Set(names.map((name) => namesOf(readHistory(name)))).size).toBeGreaterThanOrEqual(60);
});

test.each(names)('%s went the way that its scene tells', (name) => {
  expect(takes[name]?.gives).toMatch(/\.$/);
  expect(missingStep(readHistory(name), takes[name]?.shows ?? [])).toBeUndefined();
});

test('of each history it is kept which release recorded it', () => {
  const releases = readReleases();
  expect(Object.keys(releases)).toEqual(names);
  for (const { release } of Object.values(releases)) expect(release).toMatch(/^\d+\.\d+\.\d+$/);
});

/** What at least one run must have met: steps, or parts of them. */
const MET = {
  ends: '=executed:done =cancelled:done =expired:done =failed:done ends:continued_as_new ends:terminated',
  beginnings: 'begins:orderWorkflow begins:continued task:reset_workflow',
  orderSignals: 'signal:rateCrossed signal:orderChanged signal:conduitOrderChanged signal:attemptDue',
  cancels: 'signal:cancelRequested cancel_requested cancelOrderForOperator=cancelled cancelOrderForOperator=too_late',
  looks:
    'takeFirmLook=hit takeFirmLook=rate_not_met takeFirmLook=paused takeFirmLook=attempt_limit takeFirmLook=gate_closed',
  refusedLooks: 'takeFirmLook=quote_failed/ takeFirmLook=refused/',
  creates: 'sendCreate=accepted sendCreate=no_effect/ sendCreate=unknown/ sendCreate=exists/ sendCreate=unsent',
  executes: 'sendExecute=accepted sendExecute=no_effect/ sendExecute=unknown/ sendExecute=unsent',
  cancelsAtConduit: 'sendCancel=accepted sendCancel=unknown/',
  deadWorkers: 'sendCreate!timed_out sendExecute!timed_out',
  lookUps: 'lookUpAttempt=absent lookUpAttempt=pending/ lookUpAttempt=claimed/ lookUpAttempt=ambiguous',
  lookUpsWithoutAnswer: 'lookUpAttempt=unavailable lookUpAttempt=gate_closed',
  endsAtConduit: 'lookUpAttempt=terminal/succeeded lookUpAttempt=terminal/failed lookUpAttempt=terminal/cancelled',
  records: '[watch] [expire] [adopt_created] [adopt_claimed [complete] [execute_refused fence]',
  attemptRecords: '[close_without_effect] [fail_attempt]',
  recordsWithoutDatabase: 'advanceOrder!failed_locally advanceOrder?',
  waits: 'waits_for_rate waits_for_expiry waits_for_pause waits_for_gate waits_for_retry waits_for_look_up',
  watchers: 'signal:orderOpened tickRateWatch=done tickRateWatch!failed tickRateWatch=no_open_order',
  repairs: 'reconcileOrders=done listDueOrphans=done followOrphan= probePauses=',
};

test.each(Object.values(MET).flatMap((text) => text.split(' ')))('some stored run shows %s', (word) => {
  expect([...words.values()].some((ofRun) => ofRun.some((it) => it.includes(word)))).toBe(true);
});

test('a shape tells what a run did, and not how often it did it in vain', () => {
  const history = readHistory('executed-after-spent-key');
  const inVain = (text: string) => text.split(' ').filter((word) => word === 'lookUpAttempt=pending/pending').length;
  expect(stepsOf(history).filter(({ word }) => word === 'lookUpAttempt=pending/pending').length).toBeGreaterThan(5);
  expect(inVain(shapeOf(history))).toBeLessThan(3);
});

test('a step that a run did not take is told', () => {
  const history = readHistory('executed-at-once');
  expect(missingStep(history, ['takeFirmLook=hit', 'sendExecute=accepted'])).toBeUndefined();
  expect(missingStep(history, ['sendExecute=accepted', 'takeFirmLook=hit'])).toBe('takeFirmLook=hit');
  expect(missingStep(history, ['advanceOrder=executed:done'])).toBeUndefined();
});

test('together they stay small enough to be read and cloned', () => {
  const bytes = names.map((name) => statSync(`${HISTORIES}${name}.json`).size);
  expect(bytes.reduce((sum, size) => sum + size, 0)).toBeLessThan(3_000_000);
  // One line, so that a difference of versions is one line too.
  for (const name of names) expect(readText(name).trimEnd()).not.toContain('\n');
});
