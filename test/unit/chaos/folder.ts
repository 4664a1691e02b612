import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { judge, type Verdict } from '../../../chaos/checker/judge.ts';
import type {
  AttemptRow,
  DeadLetterRow,
  EventRow,
  HandlesRow,
  InboxRow,
  KeyRow,
  MessageRow,
  MetricsText,
  ObservationRow,
  OrderRow,
  OwnerRow,
  PauseRow,
  SendRow,
} from '../../../chaos/checker/rows.ts';
import type { Fact, Meta, Request, Run } from '../../../chaos/checker/witnesses.ts';
import type { HistoryEntry } from '../../../chaos/evidence/history.ts';

type Open<T> = { -readonly [K in keyof T]: T[K] };

/** A folder of evidence before it is written: every fact may be changed. Names are those of the files. */
export interface Folder {
  readonly meta: Open<Meta>;
  readonly history: Open<HistoryEntry>[];
  readonly orders: Open<OrderRow>[];
  readonly transactions: Open<AttemptRow>[];
  readonly conduit_sends: Open<SendRow>[];
  readonly order_events: Open<EventRow>[];
  readonly idempotency_keys: Open<KeyRow>[];
  readonly outbox: Open<MessageRow>[];
  readonly inbox: Open<InboxRow>[];
  readonly rate_observations: Open<ObservationRow>[];
  readonly pauses: Open<PauseRow>[];
  readonly dead_letters: Open<DeadLetterRow>[];
  readonly users: object[];
  readonly api_keys: object[];
  readonly conduit_accounts: object[];
  readonly account_owners: Open<OwnerRow>[];
  readonly rate_baselines: object[];
  readonly provider_gate: object[];
  readonly ledger: Open<Fact>[];
  readonly requests: Open<Request>[];
  readonly runs: { orderId: string; runs: Open<Run>[] }[];
  readonly other_runs: { workflowId: string; runs: Open<Run>[] }[];
  readonly metrics: Open<MetricsText>[];
  readonly handles: Open<HandlesRow>[];
  /** Logs of the processes, by name. */
  readonly logs: Record<string, string>;
}

/** Writes the folder, has it judged, and takes it away again. Throws where the judge refuses to read it. */
export function judged({ meta, logs, ...tables }: Folder): Verdict {
  const dir = mkdtempSync(join(tmpdir(), 'evidence-'));
  try {
    writeFileSync(join(dir, 'meta.json'), JSON.stringify(meta));
    for (const [name, rows] of Object.entries(tables))
      writeFileSync(join(dir, `${name}.jsonl`), rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
    mkdirSync(join(dir, 'logs'));
    for (const [name, text] of Object.entries(logs)) writeFileSync(join(dir, 'logs', name), text);
    return judge(dir);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** The one item that fits; a test that changes nothing would prove nothing. */
export function the<T>(list: readonly T[], fits: (item: T) => boolean): T {
  const [found] = list.filter(fits);
  if (found === undefined) throw new Error('there is no such fact in the folder');
  return found;
}

export function drop<T>(list: T[], fits: (item: T) => boolean): void {
  list.splice(list.indexOf(the(list, fits)), 1);
}
