import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import getPort from 'get-port';

/** A folder for one test file, removed by what is returned beside it. */
export function scratchDir(): { dir: string; remove: () => void } {
  const dir = mkdtempSync(join(tmpdir(), 'stack-test-'));
  chmodSync(dir, 0o755); // As root, PostgreSQL runs as a user who must be let in.
  return { dir, remove: () => rmSync(dir, { recursive: true, force: true }) };
}

export function freePort(): Promise<number> {
  return getPort({ host: '127.0.0.1' });
}
