// I14 and I15: how the system recovered, and what it gave away.
import { describe } from '@jest/globals';
import { ACCOUNT, BEGAN_AT, EXECUTED, SECRET } from './clean-folder.ts';
import { type Folder, the } from './folder.ts';
import { each } from './spoiled.ts';

const HEALED_AT = BEGAN_AT + 40_000;

describe('I14: recovery', () => {
  each([
    [
      'not recovered in time',
      (folder) => {
        folder.meta.recoveryMs = 90_001;
      },
      /^I14 -: not recovered 90001 ms after the last fault was healed$/,
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
      /^I14 -: not recovered 90000 ms after the last fault was healed$/,
    ],
    [
      'not at rest',
      (folder) => {
        folder.meta.rested = false;
      },
      /^I14 -: the system did not come to rest$/,
    ],
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
      'sessions are left open at the database',
      (folder) => folder.handles.push({ name: 'worker1', openFiles: 40, sessions: 25 }),
      /^I14 -: at rest worker1 holds 25 sessions of its kind, 24 at most are due$/,
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

describe('I15: secrecy', () => {
  each([
    [
      'a secret in a log',
      (folder) => {
        folder.logs['worker1-2.log'] = `{"authorization":"Bearer ${SECRET}"}`;
      },
      /^I15 -: the log worker1-2.log shows cpt_secr…$/,
    ],
    [
      'an account in a log',
      (folder) => {
        folder.logs['worker1-2.log'] = ACCOUNT;
      },
      /^I15 -: the log worker1-2.log shows wlt_acco…$/,
    ],
    [
      'a secret in a column',
      (folder) =>
        Object.assign(
          the(folder.orders, (it) => it.orderId === EXECUTED),
          { reason: SECRET },
        ),
      /^I15 -: orders.jsonl shows cpt_secr…$/,
    ],
    [
      'an account where it has its place',
      (folder) =>
        Object.assign(
          the(folder.orders, (it) => it.orderId === EXECUTED),
          { note: ACCOUNT },
        ),
    ],
    [
      'an account in an event',
      (folder) =>
        Object.assign(
          the(folder.order_events, (it) => it.orderId === EXECUTED && it.number === 1),
          { detail: ACCOUNT },
        ),
      /^I15 -: order_events.jsonl shows wlt_acco…$/,
    ],
    [
      'a secret in the payload of a run',
      (folder) => {
        const run = the(the(folder.runs, (it) => it.orderId === EXECUTED).runs, () => true);
        const data = Buffer.from(JSON.stringify({ key: SECRET })).toString('base64');
        run.events = [{ input: { payloads: [{ data }] } } as object, ...run.events];
      },
      /^I15 -: runs.jsonl shows cpt_secr…$/,
    ],
    [
      'an account in an error body',
      (folder) => {
        const call = folder.history.find((it) => it.kind === 'operation' && it.status === 409);
        Object.assign(call ?? {}, { error: { detail: ACCOUNT } });
      },
      /^I15 -: an error body shows wlt_acco…$/,
    ],
    [
      'an id in a metric',
      (folder) => folder.metrics.push({ name: 'api', text: `orders{order="${EXECUTED}"} 1\n` }),
      /^I15 -: a metric of api shows an id$/,
    ],
    [
      'a forged webhook is believed',
      (folder) => folder.inbox.push({ eventId: 'evt_forged', type: 'rfi.opened', orderId: null }),
      /^I15 -: a rfi.opened was believed that nobody sent$/,
    ],
    [
      'one that the experiment had the provider sign is not forged',
      (folder) => {
        folder.inbox.push({ eventId: 'evt_made_up', type: 'order.succeeded', orderId: null });
        const body = { type: 'order.succeeded', data: {}, skewSeconds: 299 };
        folder.ledger.push({ seq: 999, at: '', event: 'control.used', what: 'POST /_sim/webhooks', with: body });
      },
    ],
    [
      'one such accounts for one',
      (folder) => {
        for (const eventId of ['evt_made_up', 'evt_forged'])
          folder.inbox.push({ eventId, type: 'order.succeeded', orderId: null });
        const body = { type: 'order.succeeded', data: {} };
        folder.ledger.push({ seq: 999, at: '', event: 'control.used', what: 'POST /_sim/webhooks', with: body });
      },
      /^I15 -: a order.succeeded was believed that nobody sent$/,
    ],
    [
      'one that it had forged is',
      (folder) => {
        folder.inbox.push({ eventId: 'evt_made_up', type: 'order.succeeded', orderId: null });
        const body = { type: 'order.succeeded', data: {}, forge: 'wrong_secret' };
        folder.ledger.push({ seq: 999, at: '', event: 'control.used', what: 'POST /_sim/webhooks', with: body });
      },
      /^I15 -: a order.succeeded was believed that nobody sent$/,
    ],
  ]);
});
