// Where the results of a run are kept: as JSON and as a page, beside the evidence and, for the runs that are published, under docs/.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../../stack/paths.ts';
import { USUAL_TIME_SCALE } from '../load/shape.ts';
import type { Options } from '../options.ts';
import { type Basis, type KeptResult, stampOf } from './results.ts';
import { markdownPage, type NotRun } from './table.ts';

interface Run {
  readonly dir: string;
  readonly basis: Basis;
  readonly results: readonly KeptResult[];
  readonly notRun: readonly NotRun[];
  /** The runs that are still to come, by their seeds. */
  readonly left: ReadonlyMap<number, readonly string[]>;
}

/** In real time these are worth a page of their own. */
const UNSCALED = ['F08', 'F22'];

const TITLES: Readonly<Record<string, string>> = { 'chaos-unscaled': 'Results of the chaos runs in real time' };

export function publish(options: Options, { dir, basis, results, notRun, left }: Run): void {
  const json = `${JSON.stringify({ basis, notRun, results: results.map(withoutPaths) }, null, 1)}\n`;
  const begun = left.size > 0 ? ` Begun, not finished. ${toCome(left)}` : '';
  const about = `${commandOf(options, results)} ${stampOf(basis.sources)}.${begun}`;
  const name = nameOf(options, results);
  const page = markdownPage(results, notRun, about, TITLES[name ?? '']);
  for (const place of [join(dir, 'results'), ...(name === null ? [] : [join(ROOT, 'docs', name)])]) {
    writeFileSync(`${place}.json`, json);
    writeFileSync(`${place}.md`, page);
  }
}

/** Folders of this machine are nobody else's. */
function withoutPaths({ dir: _dir, ...result }: KeptResult): Omit<KeptResult, 'dir'> {
  return result;
}

function toCome(left: Run['left']): string {
  const seeds = [...left].map(([seed, ids]) => `seed ${seed}: ${ids.join(', ')}`);
  return `Still to come are, of ${seeds.join('; of ')}.`;
}

/** The command that does the same again. */
function commandOf({ mode, minutes, timeScale, orders }: Options, results: readonly KeptResult[]): string {
  const seeds = [...new Set(results.map(({ seed }) => seed))].toSorted((a, b) => a - b);
  const ids = [...new Set(results.map(({ id }) => id))].join(',');
  const areFirst = seeds.every((seed, index) => seed === index + 1);
  const words = [
    mode === 'only' ? `--only ${ids}` : mode === 'minutes' ? `--minutes ${minutes}` : `--${mode}`,
    areFirst && seeds.length > 1 ? `--seeds ${seeds.length}` : `--seed ${seeds[0] ?? 1}`,
    ...(orders === undefined ? [] : [`--orders ${orders}`]),
    ...(timeScale === USUAL_TIME_SCALE ? [] : [`--time-scale ${timeScale}`]),
  ];
  const pace =
    timeScale === 1
      ? 'every wait and outage in real time but the watch over orphans (150 s, not 900)'
      : `waits divided by ${timeScale}`;
  const others = areFirst || seeds.length < 2 ? '' : `, and for seeds ${seeds.slice(1).join(', ')}`;
  return `\`npm run chaos -- ${words.join(' ')}\`${others}, ${pace},`;
}

/** The page under docs/ that a run is for; null for one that is nobody else's business. */
function nameOf({ mode, timeScale, build }: Options, results: readonly KeptResult[]): string | null {
  if (build !== undefined) return null;
  if (mode === 'all') return 'chaos-results';
  const isUnscaled = mode === 'only' && timeScale === 1;
  return isUnscaled && UNSCALED.every((id) => results.some((it) => it.id === id)) ? 'chaos-unscaled' : null;
}
