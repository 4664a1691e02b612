import { type FileHandle, mkdir, open, readFile, truncate } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { Entry, Recorded } from './entries.ts';

/**
 * The append-only file, one JSON object a line. `append` only queues: entries queued in one synchronous stretch reach the
 * file in one write, so that an effect and the reply kept for it are both there or both missing after a kill. A reply may
 * leave only after `committed()`, which resolves once everything queued so far is fsynced; writes that come together share
 * one fsync.
 */
export type Ledger = {
  append(entry: Entry): Recorded;
  /** Rejects, for good, once a write has failed: a witness that cannot write may not answer. */
  committed(): Promise<void>;
  healthy(): boolean;
  /** Everything written so far, from the file. */
  read(): Promise<Recorded[]>;
  close(): Promise<void>;
  /** Drops whatever is not yet in the file, as a kill would. For tests. */
  abandon(): Promise<void>;
};

function parseLedger(text: string, file: string): Recorded[] {
  const lines = text.split('\n').slice(0, -1);
  return lines.map((line, index) => {
    try {
      const parsed: Recorded = JSON.parse(line);
      return parsed;
    } catch (cause) {
      throw new Error(`line ${index + 1} of the ledger ${file} is not JSON`, { cause });
    }
  });
}

/**
 * Reads the ledger of a former run. Its last line may have been torn by the machine's fall, before its fsync and hence
 * before anybody was answered: it is cut off. A bad line anywhere else is damage, and refused.
 */
async function readHistory(file: string): Promise<Recorded[]> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  const whole = text.slice(0, text.lastIndexOf('\n') + 1);
  if (whole.length < text.length) await truncate(file, Buffer.byteLength(whole));
  return parseLedger(whole, file);
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  await handle.sync();
  await handle.close();
}

export async function openLedger(path: string): Promise<{ ledger: Ledger; history: Recorded[] }> {
  const file = resolve(path);
  await mkdir(dirname(file), { recursive: true });
  const history = await readHistory(file);
  const handle = await open(file, 'a');
  await syncFolder(dirname(file)); // Or the file's name itself could be lost with the power.
  return { ledger: createLedger(handle, file, history.at(-1)?.seq ?? 0), history };
}

function createLedger(handle: FileHandle, file: string, lastSeq: number): Ledger {
  let seq = lastSeq;
  let durableSeq = lastSeq;
  let queued: string[] = [];
  let waiters: { seq: number; resolve: () => void; reject: (reason: Error) => void }[] = [];
  let broken: Error | undefined;
  let writing: Promise<void> | undefined;

  function settleWaiters(): void {
    const waiting = waiters;
    waiters = [];
    for (const waiter of waiting) {
      if (broken) waiter.reject(broken);
      else if (waiter.seq <= durableSeq) waiter.resolve();
      else waiters.push(waiter);
    }
  }

  async function writeQueued(): Promise<void> {
    // Let the synchronous stretch that queued the first entry come to its end.
    await Promise.resolve();
    try {
      while (queued.length > 0 && !broken) {
        const lines = queued.join('');
        const upTo = seq;
        queued = [];
        await handle.appendFile(lines);
        await handle.datasync();
        durableSeq = upTo;
        settleWaiters();
      }
    } catch (cause) {
      broken = new Error(`the ledger ${file} cannot be written`, { cause });
    }
    settleWaiters();
    writing = undefined;
  }

  function committed(): Promise<void> {
    return new Promise((done, reject) => {
      waiters.push({ seq, resolve: done, reject });
      settleWaiters();
    });
  }

  return {
    append(entry) {
      seq += 1;
      const recorded: Recorded = { seq, at: new Date().toISOString(), ...entry };
      queued.push(`${JSON.stringify(recorded)}\n`);
      writing ??= writeQueued();
      return recorded;
    },
    committed,
    healthy: () => broken === undefined,
    async read() {
      await committed();
      return parseLedger(await readFile(file, 'utf8'), file);
    },
    async close() {
      await writing;
      await handle.close();
    },
    async abandon() {
      broken ??= new Error('the ledger was abandoned');
      queued = [];
      await writing;
      await handle.close();
    },
  };
}
