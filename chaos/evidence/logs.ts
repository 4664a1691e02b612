import { existsSync, mkdirSync, statSync } from 'node:fs';
import { copyFile, open, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';

/** How long each log is by now; one that does not exist yet is not in it. */
export type LogMark = ReadonlyMap<string, number>;

export function markLogs(files: readonly string[]): LogMark {
  return new Map(files.filter((file) => existsSync(file)).map((file) => [file, statSync(file).size]));
}

/** Copies what the logs have grown by since `mark` into the folder's `logs/`. */
export async function exportLogs(dir: string, files: readonly string[], mark: LogMark): Promise<void> {
  const target = join(dir, 'logs');
  mkdirSync(target, { recursive: true });
  for (const file of files.filter((it) => existsSync(it))) {
    const from = mark.get(file) ?? 0;
    if (from === 0) await copyFile(file, join(target, basename(file)));
    else if (statSync(file).size > from) await writeFile(join(target, basename(file)), await tailOf(file, from));
  }
}

async function tailOf(file: string, from: number): Promise<Buffer> {
  const handle = await open(file);
  try {
    const { size } = await handle.stat();
    const tail = Buffer.alloc(size - from);
    await handle.read(tail, 0, tail.length, from);
    return tail;
  } finally {
    await handle.close();
  }
}
