// What whoever counts the requests is shown of them.
import { afterEach, expect, test } from '@jest/globals';
import { createRequestLog } from '../../simulator/wire/requests.ts';
import { apiAt, start, stopAll } from './support.ts';

afterEach(stopAll);

const noted = (count: number) => {
  const log = createRequestLog();
  for (let n = 0; n < count; n += 1) log.note({ atMs: n, operation: 'orders.get' });
  return log;
};

test('the latest are shown, and with `skip` every one of them', () => {
  const log = noted(12_000);
  expect(log.find({})).toMatchObject({ total: 12_000, counts: { 'orders.get': 12_000 }, forgottenUntilMs: null });
  const shown = (skip?: number) => log.find({ sinceMs: 1_000, skip }).requests.map(({ atMs }) => atMs);
  expect([shown()[0], shown().at(-1)]).toEqual([7_000, 11_999]);
  expect([...shown(0), ...shown(5_000), ...shown(10_000)]).toEqual(Array.from({ length: 11_000 }, (_, n) => n + 1_000));
  expect(shown(11_000)).toEqual([]);
});

test('what was forgotten is told', () => {
  const { total, forgottenUntilMs } = noted(200_001).find({});
  expect([total, forgottenUntilMs]).toEqual([100_000, 100_000]);
});

test('the control reads all of them, and refuses a part', async () => {
  const { url, control } = await start({ knobs: { requestsPerSecond: null } });
  const api = apiAt(url);
  for (let n = 0; n < 3; n += 1) await api.quote();
  expect(await control.requests({ operation: 'quotes.create' })).toHaveLength(3);
  const bad = await fetch(`${url}/_sim/requests?skip=-1`);
  expect([bad.status, await bad.text()]).toEqual([400, expect.stringContaining('skip is not a count')]);
});
