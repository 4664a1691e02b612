// I15: what the system gave away, and whom it believed.
import { describe } from '@jest/globals';
import { ACCOUNT, EXECUTED, SECRET } from './clean-folder.ts';
import { the } from './folder.ts';
import { type Case, each } from './spoiled.ts';

const HANDLES = 'nodejs_active_handles_total{service="api"} 12\n';

const SECRECY: readonly Case[] = [
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
        { provider_code: SECRET },
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
        { detail: { of: ACCOUNT } },
      ),
    /^I15 -: order_events.jsonl shows wlt_acco…$/,
  ],
  [
    'a secret in the payload of a run',
    (folder) => {
      const run = the(the(folder.runs, (it) => it.orderId === EXECUTED).runs, () => true);
      const data = Buffer.from(JSON.stringify({ key: SECRET })).toString('base64');
      const event = {
        eventId: '1',
        eventTime: '2026-01-01T00:00:01Z',
        eventType: 'EVENT_TYPE_WORKFLOW_EXECUTION_STARTED',
      };
      run.events = [Object.assign(event, { input: { payloads: [{ data }] } }), ...run.events];
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
    'a secret in the history of a watcher',
    (folder) => {
      const run = the(the(folder.other_runs, () => true).runs, () => true);
      const event = {
        eventId: '1',
        eventTime: '2026-01-01T00:00:01Z',
        eventType: 'EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED',
      };
      run.events = [...run.events, Object.assign(event, { input: SECRET })];
    },
    /^I15 -: other_runs.jsonl shows cpt_secr…$/,
  ],
  [
    'a key that is stored in clear',
    (folder) => folder.api_keys.push({ keyHash: SECRET, prefix: 'cpt_secr' }),
    /^I15 -: api_keys.jsonl shows cpt_secr…$/,
  ],
  [
    'an account beside its user',
    (folder) => folder.users.push({ customerId: ACCOUNT }),
    /^I15 -: users.jsonl shows wlt_acco…$/,
  ],
  [
    'an account in an answer',
    (folder) => {
      const call = folder.history.find((it) => it.kind === 'operation' && it.status === 201);
      Object.assign(call ?? {}, { error: undefined, answer: { source_account: ACCOUNT } });
    },
    /^I6 executed: create was answered 201 without an order$/,
    /^I15 -: an answer shows wlt_acco…$/,
  ],
  [
    'a secret in what a gateway says',
    (folder) => {
      const call = folder.history.find((it) => it.kind === 'operation' && it.status === 409);
      Object.assign(call ?? {}, { error: `<html>${SECRET}</html>` });
    },
    /^I15 -: an error body shows cpt_secr…$/,
  ],
  [
    'an id in a metric',
    (folder) => folder.metrics.push({ name: 'api', text: `${HANDLES}orders{order="${EXECUTED}"} 1\n` }),
    /^I15 -: a metric of api shows an id$/,
  ],
  [
    'an id of the provider in a metric',
    (folder) => folder.metrics.push({ name: 'api', text: `${HANDLES}orders{order="ord_78LaM4rSlH66fxDoVS5ZbI"} 1\n` }),
    /^I15 -: a metric of api shows an id$/,
  ],
  [
    'words that begin like one',
    (folder) => folder.metrics.push({ name: 'api', text: `${HANDLES}ord_total{event="evt_kept"} 1\n` }),
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
];

describe('I15: secrecy', () => each(SECRECY));
