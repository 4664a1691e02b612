import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type {
  AttemptRow,
  EventRow,
  HandlesRow,
  InboxRow,
  KeyRow,
  MessageRow,
  MetricsText,
  ObservationRow,
  OrderRow,
  SendRow,
} from '../../../chaos/checker/evidence.ts';
import { judge } from '../../../chaos/checker/judge.ts';
import type { Violation } from '../../../chaos/checker/verdict.ts';
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
  readonly ledger: Open<Fact>[];
  readonly requests: Open<Request>[];
  readonly runs: { orderId: string; runs: Open<Run>[] }[];
  readonly metrics: Open<MetricsText>[];
  readonly handles: Open<HandlesRow>[];
  /** Logs of the processes, by name. */
  readonly logs: Record<string, string>;
}

/** Writes the folder, has it judged, and takes it away again. */
export function judged({ meta, logs, ...tables }: Folder): readonly Violation[] {
  const dir = mkdtempSync(join(tmpdir(), 'evidence-'));
  try {
    writeFileSync(join(dir, 'meta.json'), JSON.stringify(meta));
    for (const [name, rows] of Object.entries(tables))
      writeFileSync(join(dir, `${name}.jsonl`), rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
    mkdirSync(join(dir, 'logs'));
    for (const [name, text] of Object.entries(logs)) writeFileSync(join(dir, 'logs', name), text);
    return judge(dir).violations;
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
