import { appendFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** What a client asked and was told. Times are of this machine, in milliseconds. */
export interface ClientOperation {
  readonly kind: 'operation';
  readonly experiment: string;
  readonly client: string;
  readonly userId: string;
  readonly operation: 'create' | 'read' | 'events' | 'cancel';
  /** Whether the order asked for belongs to the client. */
  readonly isForeign: boolean;
  readonly beganAt: number;
  readonly endedAt: number;
  /** Null when no answer came. */
  readonly status: number | null;
  readonly code: string | null;
  /** The order that was asked about, whatever was answered; of a create the one that it was answered with. */
  readonly orderId: string | null;
  /** Of a create: its key, and which body it came with. */
  readonly key?: string;
  readonly bodyNumber?: number;
  readonly request?: Readonly<Record<string, unknown>>;
  readonly replayed?: boolean;
  /** What the answer showed of the order. */
  readonly shown?: { readonly status: string; readonly version: number };
  /** Of an answer that grants what was asked: all of it. */
  readonly answer?: unknown;
  /** Of an answer that refuses: all of it, as text where it is no JSON. */
  readonly error?: unknown;
  /** Of an answer: the header of that name, null where it has none. */
  readonly retryAfter?: string | null;
}

/** Something that was done to the system, or undone. */
export interface FaultNote {
  readonly kind: 'fault';
  readonly experiment: string;
  readonly at: number;
  readonly what: string;
  readonly phase: 'begin' | 'end' | 'once';
  readonly detail?: Readonly<Record<string, unknown>>;
}

/** A turn of the run itself: its beginning, the end of its faults with all processes up, the moment all faults were healed, rest. */
export interface Turn {
  readonly kind: 'turn';
  readonly experiment: string;
  readonly at: number;
  readonly what: 'began' | 'ended' | 'mended' | 'healed' | 'recovered' | 'rested' | 'gave_up';
  readonly detail?: Readonly<Record<string, unknown>>;
}

/** Something that an experiment itself found not to hold. */
export interface Finding {
  readonly kind: 'finding';
  readonly experiment: string;
  readonly at: number;
  readonly invariant: string;
  readonly text: string;
}

/** What a process or a service did by itself. */
export interface SystemNote {
  readonly kind: 'system';
  readonly at: number;
  readonly what: string;
  readonly detail: Readonly<Record<string, unknown>>;
}

export type HistoryEntry = ClientOperation | FaultNote | Turn | Finding | SystemNote;

export interface History {
  add(entry: HistoryEntry): void;
  readonly entries: readonly HistoryEntry[];
}

/** The run's `history.jsonl`, written as it happens, so that a run that was killed can be judged too. */
export function openHistory(dir: string): History {
  const file = join(dir, 'history.jsonl');
  const entries: HistoryEntry[] = [];
  writeFileSync(file, '');
  return {
    entries,
    add(entry) {
      entries.push(entry);
      appendFileSync(file, `${JSON.stringify(entry)}\n`);
    },
  };
}
