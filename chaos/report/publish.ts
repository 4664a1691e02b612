// Where the results of a run are kept: as JSON and as a page, beside the evidence and, for the runs that are published, under docs/.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../../stack/paths.ts';
import type { Options } from '../options.ts';
import { type Basis, type KeptResult, stampOf } from './results.ts';
import { markdownPage, type NotRun } from './table.ts';

interface Run {
  readonly dir: string;
  readonly basis: Basis;
  readonly results: readonly KeptResult[];
  readonly notRun: readonly NotRun[];
  /** How many runs are still to come. */
  readonly left: number;
}

/** In real time these are worth a page of their own. */
const UNSCALED = ['F08', 'F22'];

export function publish(options: Options, { dir, basis, results, notRun, left }: Run): void {
  const json = `${JSON.stringify({ basis, notRun, results: results.map(withoutPaths) }, null, 1)}\n`;
  const begun = left > 0 ? ` Begun, not finished: ${left} runs are still to come.` : '';
  const about = `${commandOf(options, results)} ${stampOf(basis.sources)}.${begun}`;
  const page = markdownPage(results, notRun, about);
  const name = nameOf(options, results);
  for (const place of [join(dir, 'results'), ...(name === null ? [] : [join(ROOT, 'docs', name)])]) {
    writeFileSync(`${place}.json`, json);
    writeFileSync(`${place}.md`, page);
  }
}

/** Folders of this machine are nobody else's. */
function withoutPaths({ dir: _dir, ...result }: KeptResult): Omit<KeptResult, 'dir'> {
  return result;
}

function commandOf({ mode, timeScale, orders }: Options, results: readonly KeptResult[]): string {
  const seeds = [...new Set(results.map(({ seed }) => seed))].toSorted((a, b) => a - b);
  const ids = [...new Set(results.map(({ id }) => id))].join(',');
  const what = mode === 'only' ? `--only ${ids}` : `--${mode}`;
  const pace =
    timeScale === 1
      ? 'every wait and outage in real time but the watch over orphans (150 s, not 900)'
      : `waits divided by ${timeScale}`;
  const load = orders === undefined ? '' : `, ${orders} orders each`;
  return `\`npm run chaos -- ${what}\`, ${seeds.length > 1 ? 'seeds' : 'seed'} ${seeds.join(', ')}, ${pace}${load},`;
}

/** The page under docs/ that a run is for; null for one that is nobody else's business. */
function nameOf({ mode, timeScale, build }: Options, results: readonly KeptResult[]): string | null {
  if (build !== undefined) return null;
  if (mode === 'all') return 'chaos-results';
  const isUnscaled = mode === 'only' && timeScale === 1;
  return isUnscaled && UNSCALED.every((id) => results.some((it) => it.id === id)) ? 'chaos-unscaled' : null;
}
