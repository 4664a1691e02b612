// I13: how much was asked of the provider.
import { describe } from '@jest/globals';
import { BEGAN_AT, EXECUTED } from './clean-folder.ts';
import { type Folder, the } from './folder.ts';
import { each } from './spoiled.ts';

const times = <T>(count: number, of: (index: number) => T) => Array.from({ length: count }, (_, index) => of(index));

describe('I13: bounded effort', () => {
  const LIMITED = BEGAN_AT + 50_000;
  const limit = (folder: Folder) =>
    folder.requests.push({ atMs: LIMITED, operation: 'orders.get', status: 429, retryAfter: '3' });
  const call = (folder: Folder, afterMs: number) =>
    folder.requests.push({ atMs: LIMITED + afterMs, operation: 'orders.get', status: 200 });
  each([
    [
      'an order is looked up without end',
      (folder) => {
        const reference = `${EXECUTED}:g1`;
        folder.requests.push(
          ...times(100, (n) => ({ atMs: BEGAN_AT + 2_000 + n * 300, operation: 'orders.get', reference })),
        );
      },
      /^I13 executed: 103 calls for one order, 32 at most were due$/,
    ],
    [
      'an order that ended early has no longer budget for it',
      (folder) => {
        const reference = `${EXECUTED}:g1`;
        // As many as its orphan was allowed, had it lived as long as the run.
        folder.requests.push(
          ...times(40, (n) => ({ atMs: BEGAN_AT + 2_000 + n * 1_000, operation: 'orders.get', reference })),
        );
      },
      /^I13 executed: 43 calls for one order, 32 at most were due$/,
    ],
    [
      'one whose orphan is followed that long has',
      (folder) => {
        const attempt = the(folder.transactions, (it) => it.orderId === EXECUTED);
        Object.assign(attempt, { orphanUntil: BEGAN_AT + 40_000, orphanClosedAt: BEGAN_AT + 40_000 });
        const reference = `${EXECUTED}:g1`;
        folder.requests.push(
          ...times(40, (n) => ({ atMs: BEGAN_AT + 2_000 + n * 900, operation: 'orders.get', reference })),
        );
      },
    ],
    [
      'more calls at a time than the workers allow themselves',
      (folder) => {
        folder.requests.push(...times(1_001, (n) => ({ atMs: BEGAN_AT + 50_000 + n, operation: 'accounts.get' })));
      },
      /^I13 -: more than 1000 calls within 10 s of /,
    ],
    [
      'as many, but not at once',
      (folder) => {
        folder.requests.push(...times(1_001, (n) => ({ atMs: BEGAN_AT + 50_000 + n * 11, operation: 'accounts.get' })));
      },
    ],
    [
      'a call before the end of a Retry-After',
      (folder) => {
        limit(folder);
        call(folder, 1_001);
        call(folder, 2_999);
      },
      /^I13 -: 2 calls before the end of a Retry-After of 3 s, first orders.get after 1001 ms$/,
    ],
    [
      'what was under way when the 429 was answered, and what came after its end',
      (folder) => {
        limit(folder);
        call(folder, 1_000);
        call(folder, 3_000);
      },
    ],
    [
      'a 429 whose reader was struck could be heard by nobody',
      (folder) => {
        limit(folder);
        call(folder, 1_500);
        folder.history.push({ kind: 'fault', experiment: 'F45', at: LIMITED + 10, what: 'kill', phase: 'once' });
      },
    ],
    [
      'what troubles no process of ours excuses nothing',
      (folder) => {
        limit(folder);
        call(folder, 1_500);
        folder.history.push({ kind: 'fault', experiment: 'F12', at: LIMITED + 10, what: 'flushall', phase: 'once' });
      },
      /^I13 -: 1 calls before the end of a Retry-After of 3 s/,
    ],
    [
      'a strike long before excuses nothing',
      (folder) => {
        limit(folder);
        call(folder, 1_500);
        folder.history.push({ kind: 'fault', experiment: 'F45', at: LIMITED - 5_001, what: 'kill', phase: 'once' });
      },
      /^I13 -: 1 calls before the end of a Retry-After of 3 s/,
    ],
    [
      'the strike that made the 429 excuses nothing',
      (folder) => {
        limit(folder);
        call(folder, 1_500);
        const detail = { action: { rateLimited: {} } };
        folder.history.push({
          kind: 'fault',
          experiment: 'F23',
          at: LIMITED,
          what: 'rateLimited',
          phase: 'once',
          detail,
        });
      },
      /^I13 -: 1 calls before the end of a Retry-After of 3 s/,
    ],
  ]);
});
