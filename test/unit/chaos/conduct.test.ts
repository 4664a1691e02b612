// I14: how the system recovered, and whether anything was shown; I1: what people were called for.
import { describe } from '@jest/globals';
import type { HistoryEntry } from '../../../chaos/evidence/history.ts';
import { BEGAN_AT, CANCELLED, EXECUTED, EXPIRED } from './clean-folder.ts';
import { attemptOf, callOf, change, factOf, heldBy } from './facts.ts';
import { drop, type Folder, the } from './folder.ts';
import { each } from './spoiled.ts';

const HEALED_AT = BEGAN_AT + 40_000;

const API = { name: 'api', pid: 77 };
const started = (afterMs: number): HistoryEntry => ({
  kind: 'system',
  at: BEGAN_AT + afterMs,
  what: 'process.started',
  detail: API,
});
const ready = (afterMs: number): HistoryEntry => ({ ...started(afterMs), what: 'process.ready' }) as HistoryEntry;
const ended = (afterMs: number, isAsked = false): HistoryEntry => ({
  kind: 'system',
  at: BEGAN_AT + afterMs,
  what: 'process.ended',
  detail: { ...API, code: 1, signal: null, isAsked },
});
const strike = (afterMs: number): HistoryEntry => ({
  kind: 'fault',
  experiment: 'F12',
  at: BEGAN_AT + afterMs,
  what: 'Redis is down',
  phase: 'begin',
});

describe('I14: recovery', () => {
  each([
    [
      'not recovered in time',
      (folder) => {
        folder.meta.recoveryMs = 90_001;
      },
      /^I14 -: not recovered 90001 ms after the last fault$/,
    ],
    [
      'recovered in the last moment',
      (folder) => {
        folder.meta.recoveryMs = 90_000;
      },
    ],
    [
      'never recovered',
      (folder) => {
        folder.meta.recoveryMs = null;
      },
      /^I14 -: not recovered 90000 ms after the last fault$/,
    ],
    [
      'not at rest',
      (folder) => {
        folder.meta.rested = false;
      },
      /^I14 -: the system did not come to rest$/,
    ],
    [
      'a process that has long been up ends by itself, whatever was broken',
      (folder) => folder.history.push(strike(10_000), started(-50_001), ended(10_000)),
      /^I14 -: api ended by itself: code 1$/,
    ],
    [
      'a process that was up before ends by itself',
      (folder) => folder.history.push(strike(10_000), ended(10_000)),
      /^I14 -: api ended by itself: code 1$/,
    ],
    [
      'a process does not begin while nothing is broken',
      (folder) => folder.history.push(started(5_000), ended(10_000), strike(10_001)),
      /^I14 -: api ended by itself: code 1$/,
    ],
    [
      'a process does not begin without what it needs',
      (folder) => folder.history.push(strike(4_000), started(5_000), ended(10_000)),
    ],
    [
      'a process that has once begun ends by itself, however young it is',
      (folder) => folder.history.push(strike(4_000), started(5_000), ready(9_000), ended(10_000)),
      /^I14 -: api ended by itself: code 1$/,
    ],
    ['a process ends because it was told to', (folder) => folder.history.push(ended(10_000, true))],
    [
      'a process holds hundreds of files and handles',
      (folder) => {
        folder.handles.push({ name: 'worker1', openFiles: 251, sessions: 0 });
        folder.metrics.push({ name: 'worker1', text: 'nodejs_active_handles_total{service="worker"} 151\n' });
      },
      /^I14 -: at rest worker1 holds 251 open files, 250 at most are due$/,
      /^I14 -: at rest worker1 holds 151 active handles, 150 at most are due$/,
    ],
    [
      'a system that does not tell of files',
      (folder) => folder.handles.push({ name: 'api', openFiles: null, sessions: 20 }),
    ],
    [
      'a process does not answer',
      (folder) => folder.metrics.push({ name: 'bridge1', text: '' }),
      /^I14 -: at rest bridge1 does not tell its metrics$/,
    ],
    [
      'a process tells its metrics, and nothing of its handles',
      (folder) => folder.metrics.push({ name: 'bridge1', text: 'up 1\n' }),
      /^I14 -: at rest bridge1 does not tell its handles$/,
    ],
    [
      'sessions are left open at the database',
      (folder) => folder.handles.push({ name: 'worker1', openFiles: 40, sessions: 25 }),
      /^I14 -: at rest worker1 holds 25 sessions of its kind, 24 at most are due$/,
    ],
    [
      'an activity of an order fails, and no outage explains it',
      (folder) => {
        const line = {
          time: '2026-01-01T00:00:05Z',
          event: 'activity_failed',
          activity: 'sendCreate',
          err: { message: 'a "row"' },
        };
        folder.logs['worker1-1.log'] = `${JSON.stringify(line)}\n`.repeat(3);
      },
      /^I14 -: 3 activities of orders or orphans failed, the first sendCreate: a \\"row\\"$/,
    ],
    [
      'an experiment found something itself',
      (folder) => {
        const finding = {
          kind: 'finding',
          experiment: 'F30',
          at: HEALED_AT,
          invariant: 'I15',
          text: 'it was answered 200',
        };
        folder.history.push(finding as Folder['history'][number]);
      },
      /^I15 -: F30: it was answered 200$/,
    ],
  ]);
});

describe('I14: an experiment in which nothing happened', () => {
  each([
    ['nothing was broken', (folder) => drop(folder.history, (it) => it.kind === 'fault'), /^I14 -: F12 broke nothing$/],
    [
      'of two experiments one broke nothing',
      (folder) => {
        folder.meta.experiments = ['F12', 'F16'];
      },
      /^I14 -: F16 broke nothing$/,
    ],
    [
      'none of the planned orders was accepted',
      (folder) => {
        for (const call of folder.history)
          if (call.kind === 'operation' && call.operation === 'create') change(call, { status: null, orderId: null });
      },
      /^I14 -: of 4 planned orders none was accepted$/,
    ],
    [
      'none was planned',
      (folder) => {
        folder.meta.planned = 0;
        for (const call of folder.history)
          if (call.kind === 'operation' && call.operation === 'create') change(call, { status: null, orderId: null });
      },
    ],
    [
      'no order was executed',
      (folder) => {
        for (const fact of folder.ledger) if (fact.event === 'order.claimed') fact.event = 'order.linked';
      },
      /^I14 -: no order was executed$/,
    ],
    [
      'one that could have been expired',
      (folder) => {
        folder.meta.patient = [`key-${EXECUTED}`, `key-${EXPIRED}`];
      },
      /^I14 expired: it could have been executed, and it expired: null$/,
    ],
    [
      'one that could have been used up its attempts of an hour before all was healed',
      (folder) => Object.assign(folder.meta, { patient: [`key-${EXPIRED}`], attemptsPerHour: 1 }),
    ],
    [
      'it did so afterwards',
      (folder) => {
        Object.assign(folder.meta, { patient: [`key-${EXPIRED}`], attemptsPerHour: 1 });
        attemptOf(folder, EXPIRED).createdAt = folder.meta.healedAt + 1;
      },
      /^I14 expired: it could have been executed, and it expired: null$/,
    ],
    [
      'its attempts sent nothing',
      (folder) => {
        Object.assign(folder.meta, { patient: [`key-${EXPIRED}`], attemptsPerHour: 1 });
        for (const send of folder.conduit_sends) if (send.orderId === EXPIRED) send.outcome = 'unsent';
      },
      /^I7 expired: every send under .* is said to have had no effect, and one did$/,
      /^I14 expired: it could have been executed, and it expired: null$/,
    ],
    [
      'one that could have been was cancelled',
      (folder) => {
        folder.meta.patient = [`key-${CANCELLED}`];
      },
    ],
    [
      'none was to be',
      (folder) => {
        folder.meta.patient = [];
        for (const fact of folder.ledger) if (fact.event === 'order.claimed') fact.event = 'order.linked';
      },
    ],
  ]);
});

describe('I1 and I7: what people are called for', () => {
  const page = (folder: Folder, why: string) => {
    the(folder.order_events, (it) => it.orderId === EXECUTED && it.event === 'executed').pages = [why];
  };
  each([
    [
      'money moved without an execute',
      (folder) => page(folder, 'executed_without_execute'),
      /^I1 executed: people were called: executed_without_execute$/,
    ],
    [
      'other amounts were settled than were locked',
      (folder) => page(folder, 'settled_differs_from_lock'),
      /^I7 executed: people were called: settled_differs_from_lock$/,
    ],
    [
      'the provider has two orders under one reference, and no fault made the second',
      (folder) => folder.pauses.push({ scope: 'all', reason: 'two_orders_under_reference' }),
      /^I1 -: people were called: two_orders_under_reference$/,
    ],
    [
      'one did',
      (folder) => {
        folder.pauses.push({ scope: 'all', reason: 'two_orders_under_reference' });
        const order = { ...heldBy(folder, 'order.created'), id: 'ord_twin', status: 'cancelled' };
        const twin = { orderId: 'ord_twin', twinOf: 'ord_1', order };
        folder.ledger.push({ ...factOf(folder, 'order.created'), event: 'order.cancelled', ...twin });
      },
    ],
    [
      'the provider executes by itself what was to wait, and no fault made it',
      (folder) => page(folder, 'auto_execute_ignored'),
      /^I1 executed: people were called: auto_execute_ignored$/,
    ],
    [
      'it did so by a fault',
      (folder) => {
        page(folder, 'auto_execute_ignored');
        factOf(folder, 'order.claimed').by = 'auto';
      },
    ],
    [
      'it did so by a fault with another order',
      (folder) => {
        page(folder, 'auto_execute_ignored');
        Object.assign(factOf(folder, 'order.created', EXPIRED), { by: 'auto' });
      },
      /^I1 executed: people were called: auto_execute_ignored$/,
    ],
    ['what the provider does by itself', (folder) => page(folder, 'partial_effect')],
    [
      'an orphan executed: everything is paused',
      (folder) => folder.pauses.push({ scope: 'all', reason: 'orphan_executed' }),
      /^I1 -: people were called: orphan_executed$/,
    ],
    [
      'and somebody has resumed it',
      (folder) => {
        const detail = { scope: 'all', reason: 'late_execute_reply' };
        folder.history.push({ kind: 'system', at: HEALED_AT, what: 'an operator resumes', detail });
      },
      /^I1 -: people were called: late_execute_reply$/,
    ],
    ['a pause of another kind', (folder) => folder.pauses.push({ scope: 'all', reason: 'API_KEY_INVALID' })],
  ]);
});

describe('I14: 503', () => {
  each([
    [
      'an outage that does not say when to come back',
      (folder) => change(callOf(folder, EXECUTED, 'read'), { status: 503, retryAfter: null }),
      /^I14 executed: read was answered 503 without a time to come back$/,
    ],
    [
      'or says it in words',
      (folder) => change(callOf(folder, EXECUTED, 'read'), { status: 503, retryAfter: 'soon' }),
      /^I14 executed: read was answered 503 without a time to come back$/,
    ],
    ['one that does', (folder) => change(callOf(folder, EXECUTED, 'read'), { status: 503, retryAfter: '2' })],
  ]);
});
