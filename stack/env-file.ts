import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Writes the settings in the form that `node --env-file` reads, for the owner alone since there are secrets among them.
 * Whoever reads it meanwhile sees the old file or the new one, never a half.
 */
export function writeEnvFile(file: string, env: Readonly<Record<string, string>>): void {
  const lines = Object.entries(env).map(([name, value]) => `${name}=${quote(value)}`);
  mkdirSync(dirname(file), { recursive: true });
  const unfinished = `${file}.${process.pid}`;
  rmSync(unfinished, { force: true });
  writeFileSync(unfinished, `${lines.join('\n')}\n`, { mode: 0o600 });
  renameSync(unfinished, file);
}

/**
 * The same for as long as this process runs: addresses that lead nowhere would only mislead. Returns what takes the file away
 * before that.
 */
export function lendEnvFile(file: string, env: Readonly<Record<string, string>>): () => void {
  writeEnvFile(file, env);
  const takeAway = (): void => rmSync(file, { force: true });
  process.once('exit', takeAway);
  return takeAway;
}

/** Node's parser takes what is between two equal quotes as it is. */
function quote(value: string): string {
  if (/^[\w:/@.,+-]*$/.test(value)) return value;
  const mark = ["'", '"', '`'].find((it) => !value.includes(it));
  if (mark === undefined || value.includes('\n')) throw new Error('a value that no env file can hold');
  return `${mark}${value}${mark}`;
}
