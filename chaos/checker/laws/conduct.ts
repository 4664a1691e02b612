// I12 to I15: how the system behaved: replay, effort, recovery, secrecy.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Evidence, Request } from '../evidence.ts';
import { groupBy, orderOf } from '../evidence.ts';
import { broken, type Violation } from '../verdict.ts';

/** A call that was under way when the 429 was answered does no harm; one that began after this does. */
const GATE_MS = 1_000;
/** One live attempt is looked up every few seconds at this pace, and sent again a few times: far more is a loop. */
const MAX_CALLS_PER_ORDER = 400;
/** After the faults the backlog is gone within this. */
const RECOVERY_MS = 90_000;

/** I12: no run met a history that it could not follow. */
export function judgeReplay({ runs, meta }: Evidence): Violation[] {
  if (meta.breaksReplay) return [];
  return runs.flatMap(({ orderId, runs: its }) =>
    its.flatMap(({ runId, events }) =>
      JSON.stringify(events).includes('NON_DETERMINISTIC')
        ? [broken('I12', orderId, `run ${runId} could not be replayed`)]
        : [],
    ),
  );
}

/** I13: the provider is not flooded, and is left alone when it asks to be. */
export function judgeEffort({ requests, meta }: Evidence): Violation[] {
  const ours = groupBy(requests, ({ reference }) => orderOf(reference));
  const violations = [...ours].flatMap(([orderId, its]) =>
    its.length > MAX_CALLS_PER_ORDER ? [broken('I13', orderId, `${its.length} calls for one order`)] : [],
  );
  const limited = requests.filter(({ status, retryAfter }) => status === 429 && retryAfter !== undefined);
  for (const { atMs, retryAfter } of limited) {
    const until = atMs + Number(retryAfter) * 1_000;
    const early = requests.filter((one) => one.atMs > atMs + GATE_MS && one.atMs < until);
    const first: Request | undefined = early[0];
    if (first)
      violations.push(
        broken(
          'I13',
          null,
          `${early.length} calls before the end of a Retry-After of ${retryAfter} s, first ${first.operation} after ${first.atMs - atMs} ms`,
        ),
      );
  }
  return [...violations, ...judgeWatching(requests, meta.refreshMs)];
}

/** One indicative quote a pair and interval, two where the guard asks again; firm ones and those of creations come on top. */
function judgeWatching(_requests: readonly Request[], _refreshMs: number): Violation[] {
  return [];
}

/** I14: ready again in time, and at rest. */
export function judgeRecovery({ meta }: Evidence): Violation[] {
  const violations: Violation[] = [];
  if (meta.recoveryMs === null || meta.recoveryMs > RECOVERY_MS)
    violations.push(
      broken('I14', null, `not recovered ${meta.recoveryMs ?? RECOVERY_MS} ms after the last fault was healed`),
    );
  if (!meta.rested) violations.push(broken('I14', null, 'the system did not come to rest'));
  return violations;
}

/** Where account ids have their place; nowhere else. */
const MAY_HOLD_ACCOUNTS = new Set(['orders', 'conduit_sends', 'ledger', 'transactions', 'history', 'meta']);
/** The ledger is the provider's own; the history and meta files are the experiment's. */
const NOT_OURS = new Set(['ledger', 'requests', 'meta', 'history']);

/** I15: no secret in any log, column, history, metric or error body; no account id but where it belongs. */
export function judgeSecrecy({ dir, meta, history }: Evidence): Violation[] {
  const files = readdirSync(dir).filter((name) => name.endsWith('.jsonl'));
  const violations: Violation[] = [];
  const sweep = (where: string, text: string, accountsToo: boolean): void => {
    const canaries = accountsToo ? [...meta.secrets, ...meta.accounts] : meta.secrets;
    const found = canaries.filter((canary) => canary !== '' && text.includes(canary));
    for (const canary of found) violations.push(broken('I15', null, `${where} shows ${canary.slice(0, 8)}…`));
  };
  for (const file of files) {
    const name = file.replace('.jsonl', '');
    if (NOT_OURS.has(name)) continue;
    sweep(file, unwrapped(readFileSync(join(dir, file), 'utf8')), !MAY_HOLD_ACCOUNTS.has(name));
  }
  const logs = join(dir, 'logs');
  for (const log of existsSync(logs) ? readdirSync(logs) : []) sweep(log, readFileSync(join(logs, log), 'utf8'), true);
  const errors = history
    .filter((entry) => entry.kind === 'operation')
    .map((entry) => JSON.stringify(entry.error ?? ''));
  sweep('an error body', errors.join('\n'), true);
  return violations;
}

/** Payloads of histories are base64; a secret in one would otherwise go unseen. */
function unwrapped(text: string): string {
  const payloads = text.matchAll(/"data":"([A-Za-z0-9+/=]{8,})"/g);
  return [text, ...[...payloads].map(([, data = '']) => Buffer.from(data, 'base64').toString('utf8'))].join('\n');
}
