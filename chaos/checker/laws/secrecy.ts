// I15: no secret in any log, column, history, metric or answer; no account id but where it belongs.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Evidence } from '../evidence.ts';
import { operationsOf } from '../told.ts';
import { broken, type Violation } from '../verdict.ts';

/** Where account ids have their place; nowhere else. */
const MAY_HOLD_ACCOUNTS = new Set([
  'orders',
  'conduit_sends',
  'transactions',
  'pauses',
  'account_owners',
  'conduit_accounts',
]);
/** The provider's own, and the experiment's. */
const NOT_OURS = new Set(['ledger', 'requests', 'history']);
/** Of ours, and of the provider's things. */
const ID = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|\b(ord|txn|qte|qop|evt|wdl|wlt|vac|cus)_[0-9A-Za-z]{12,}/;

export function judgeSecrecy(evidence: Evidence): Violation[] {
  const { dir, meta, metrics } = evidence;
  const sweep = (where: string, text: string, accountsToo: boolean): Violation[] =>
    [...meta.secrets, ...(accountsToo ? meta.accounts : [])]
      .filter((canary) => canary !== '' && text.includes(canary))
      .map((canary) => broken('I15', null, `${where} shows ${canary.slice(0, 8)}…`));
  const names = readdirSync(dir)
    .filter((file) => file.endsWith('.jsonl'))
    .map((file) => file.replace('.jsonl', ''))
    .filter((name) => !NOT_OURS.has(name));
  const logs = existsSync(join(dir, 'logs')) ? readdirSync(join(dir, 'logs')) : [];
  const calls = operationsOf(evidence);
  return [
    ...names.flatMap((name) =>
      sweep(`${name}.jsonl`, unwrapped(readFileSync(join(dir, `${name}.jsonl`), 'utf8')), !MAY_HOLD_ACCOUNTS.has(name)),
    ),
    ...logs.flatMap((name) => sweep(`the log ${name}`, readFileSync(join(dir, 'logs', name), 'utf8'), true)),
    ...sweep('an error body', calls.map(({ error }) => JSON.stringify(error ?? '')).join('\n'), true),
    ...sweep('an answer', calls.map(({ answer }) => JSON.stringify(answer ?? '')).join('\n'), true),
    ...metrics
      .filter(({ text }) => ID.test(text))
      .map(({ name }) => broken('I15', null, `a metric of ${name} shows an id`)),
  ];
}

/** Payloads of histories are base64; a secret in one would otherwise go unseen. */
function unwrapped(text: string): string {
  const payloads = text.matchAll(/"data":"([A-Za-z0-9+/=]{8,})"/g);
  return [text, ...[...payloads].map(([, data = '']) => Buffer.from(data, 'base64').toString('utf8'))].join('\n');
}
