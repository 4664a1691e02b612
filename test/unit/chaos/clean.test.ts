import { expect, test } from '@jest/globals';
import { answeredFolder } from './clean-answers.ts';
import { cleanFolder } from './clean-folder.ts';
import { judged } from './folder.ts';

test.each([cleanFolder, answeredFolder])('nothing is found against a run in which all went well: %p', (make) => {
  const { violations, deliveredLate, statuses } = judged(make());
  expect(violations).toEqual([]);
  expect([deliveredLate, statuses.length]).toEqual([0, 4]);
});

test('nor does it matter in which order the rows of a table come', () => {
  const { meta: _meta, logs: _logs, ledger: _ledger, history: _history, ...tables } = answeredFolder();
  const folder = { ...answeredFolder(), ...tables };
  for (const rows of Object.values(tables)) rows.reverse();
  expect(judged(folder).violations).toEqual([]);
});
