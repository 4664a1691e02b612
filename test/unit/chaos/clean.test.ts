import { expect, test } from '@jest/globals';
import { cleanFolder } from './clean-folder.ts';
import { judged } from './folder.ts';

test('nothing is found against a run in which all went well', () => {
  expect(judged(cleanFolder())).toEqual([]);
});

test('nor does it matter in which order the rows of a table come', () => {
  const { meta: _meta, logs: _logs, ledger: _ledger, history: _history, ...tables } = cleanFolder();
  const folder = { ...cleanFolder(), ...tables };
  for (const rows of Object.values(tables)) rows.reverse();
  expect(judged(folder)).toEqual([]);
});
