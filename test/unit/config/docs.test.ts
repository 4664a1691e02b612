import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';
import { Histogram } from 'prom-client';
import { ENV_SCHEMA } from '../../../src/config.ts';
import { TOPICS } from '../../../src/db/outbox.ts';
import { ERROR_CODES } from '../../../src/domain/errors.ts';
import { ORDER_REASONS } from '../../../src/domain/order.ts';
import { noEffectClass, SEND_OUTCOMES } from '../../../src/domain/replies.ts';
import { ALERTS, createMetrics, PAGES, type Service } from '../../../src/metrics.ts';
import { MESSAGE_RESULTS } from '../../../src/pubsub-bridge/consumer.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const pagesIn = (folder: string) =>
  readdirSync(join(ROOT, folder))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `${folder}/${name}`);
const PROSE = ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', ...pagesIn('docs')];
const ADRS = pagesIn('docs/adr');

const read = (file: string) => readFileSync(join(ROOT, file), 'utf8');

/** What stands between backticks anywhere, taken apart into words. */
const wordsOf = (file: string) =>
  new Set([...read(file).matchAll(/`([^`\n]+)`/g)].flatMap(([, text]) => text?.match(/\w+/g) ?? []));

const words = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].map(([, word = '']) => word);

/** A chapter of operations.md, by its title. */
const chapter = (title: string) =>
  `${read('docs/operations.md')}\n## `.split(`\n## ${title}\n`)[1]?.split('\n## ')[0] ?? '';

/** The sections of a chapter, by their titles. */
const sectionsOf = (title: string) =>
  new Map(
    chapter(title)
      .split(/^### /m)
      .slice(1)
      .map((text) => [text.split('\n')[0] ?? '', text]),
  );

test('operations.md has a section for every page and a row for every alert', () => {
  expect([...sectionsOf('Pages').keys()].sort()).toEqual([...PAGES].sort());
  expect(words(chapter('Alerts'), /^\| `(\w+)` \|/gm).sort()).toEqual([...ALERTS].sort());
});

test('the README names every setting and every error code', () => {
  const named = wordsOf('README.md');
  expect([...Object.keys(ENV_SCHEMA.shape), ...ERROR_CODES].filter((name) => !named.has(name))).toEqual([]);
});

test('api.md tells every field of an order and every reason, and no other', () => {
  const [, order = '', reasons = ''] = read('docs/api.md').split(/^## (?:An order|Why an order is where it is)$/m);
  const firstCells = (text: string) => [...text.matchAll(/^\| (`[^|]+`) \|/gm)].map(([, cell = '']) => cell);
  const named = (text: string) => [...new Set(firstCells(text).flatMap((cell) => words(cell, /`(\w+)`/g)))].sort();
  const view = read('src/api/order-view.ts').split('  return {')[1]?.split('  };')[0] ?? '';
  expect(named(order)).toEqual(words(view, /^ {4}(\w+): /gm).sort());
  expect(named(reasons.split('## ')[0] ?? '').filter((word) => word !== 'reason')).toEqual([...ORDER_REASONS].sort());
});

const SERVICES = ['api', 'bridge', 'worker'] as const satisfies readonly Service[];

/** The one form of a rule in alerts.yml, so that nothing need parse YAML: whatever else stands there, but comments, is refused. */
const RULE =
  /^ {6}- alert: (\w+)\n {8}expr: \|\n((?: {10}.+\n)+) {8}for: \d+[mh]\n {8}labels:\n {10}severity: (page|look)\n {8}annotations:\n {10}summary: "([^"\n]+)"\n {10}runbook_url: "docs\/operations\.md#([^"\n]+)"\n/gm;
const ALERTS_YML = read('docs/alerts.yml').replace(/^ *#.*\n|^\n/gm, '');
const RULES = [...ALERTS_YML.matchAll(RULE)].map(
  ([, name = '', expr = '', severity = '', summary = '', anchor = '']) => ({
    name,
    expr,
    severity,
    summary,
    anchor,
  }),
);

test('alerts.yml is one group of rules in one form, each name once', () => {
  expect(ALERTS_YML.replace(RULE, '')).toBe('groups:\n  - name: conduitpay\n    rules:\n');
  expect(RULES.length).toBeGreaterThan(10);
  expect(new Set(RULES.map(({ name }) => name)).size).toBe(RULES.length);
});

test('operations.md has a row and a section for every rule, which say how bad it is and what to do', () => {
  const rows = [...chapter('What to watch').matchAll(/^\| \[(\w+)\]\(#(\w+)\) \| (\w+) \|/gm)].map((row) =>
    row.slice(1),
  );
  expect(rows).toEqual(RULES.map(({ name, severity }) => [name, name.toLowerCase(), severity]));
  const sections = sectionsOf('Rules');
  expect([...sections.keys()]).toEqual(RULES.map(({ name }) => name));
  const parts = ['*Means:*', '*Look at:*', '*Do:*', '*Do not:*'];
  const lacking = [...sections].filter(([, text]) => !parts.every((part) => text.includes(part)));
  expect(lacking.map(([name]) => name)).toEqual([]);
});

/** What a label may say. Whoever reads a label that is not here has no list to be held against. */
const LABEL_VALUES: Record<string, readonly string[]> = {
  job: SERVICES,
  service: SERVICES,
  page: PAGES,
  alert: ALERTS,
  topic: TOPICS,
  result: MESSAGE_RESULTS,
  schedule: words(read('src/main/schedules.ts'), /^ {4}id: '(\w+)',$/gm),
  class: [
    ...SEND_OUTCOMES,
    ...words(read('src/clients/conduit/calls.ts').match(/type ConduitCallClass = .*/)?.[0] ?? '', /'(\w+)'/g),
  ],
  status: ['200', '201', '400', '401', '403', '404', '409', '422', '499', '500', '503'],
};

/** Every series that Prometheus has of us, with its labels: its own first. */
const SERIES = new Map([['up', ['job', 'instance']]]);
for (const service of SERVICES)
  for (const metric of createMetrics(service).registry.getMetricsAsArray()) {
    const { labelNames } = metric as unknown as { readonly labelNames: readonly string[] };
    const labels = [...labelNames, 'service', 'job', 'instance'];
    if (!((metric as unknown) instanceof Histogram)) SERIES.set(metric.name, labels);
    else for (const part of ['count', 'sum', 'bucket']) SERIES.set(`${metric.name}_${part}`, [...labels, 'le']);
  }

/** Of PromQL what the rules use: a word that is neither here nor a series is a mistake, or wants to be added. */
const FUNCTIONS = new Set(
  'abs absent avg_over_time histogram_quantile increase last_over_time max rate sum time'.split(' '),
);
const OPERATORS = new Set(['and', 'or', 'unless']);

/** The names and labels of an expression that are not as the code has them. */
function faultsOf(expr: string): string[] {
  const faults: string[] = [];
  const series: string[] = [];
  const grouped = words(expr, /\b(?:by|on) \(([^)]*)\)/g).flatMap((labels) => labels.match(/\w+/g) ?? []);
  const bare = expr.replace(/\b(?:by|on) \([^)]*\)|\[\d+[mh]\]|\boffset \d+[mh]\b/g, '');
  for (const [, name = '', call, , matchers = ''] of bare.matchAll(/([a-z_]\w*)(\s*\()?(\{([^}]*)\})?/g)) {
    if (OPERATORS.has(name) || (call && FUNCTIONS.has(name))) continue;
    const labels = SERIES.get(name);
    if (!labels || call) faults.push(name);
    series.push(name);
    for (const [matcher, label = '', operator, value = ''] of matchers.matchAll(/(\w+)(=~|=)"([^"]*)"/g)) {
      const isKnown = (word: string) =>
        LABEL_VALUES[label]?.some((it) => (operator === '=' ? it === word : new RegExp(`^(?:${word})$`).test(it)));
      if (!labels?.includes(label) || !value.split('|').every(isKnown)) faults.push(`${name}{${matcher}}`);
    }
    if (matchers.replace(/(\w+)(=~|=)"([^"]*)",?\s*/g, '') !== '') faults.push(`${name}{${matchers}}`);
  }
  const isOfAny = (label: string) => series.some((name) => SERIES.get(name)?.includes(label));
  faults.push(...grouped.filter((label) => !isOfAny(label)));
  if (series.length === 0) faults.push('no series');
  return faults;
}

test.each(RULES)('the rule $name asks only for metrics and labels that are there', ({ expr, summary }) => {
  expect(faultsOf(expr)).toEqual([]);
  const kept = /\b(?:max|sum)\b/.test(expr) ? expr.match(/by \((.*?)\)/)?.[1]?.split(', ') : ['job', 'instance'];
  expect(words(summary, /\$labels\.(\w+)/g).filter((label) => !kept?.includes(label))).toEqual([]);
});

test.each(RULES)('the rule $name leads to what to do', ({ anchor }) => {
  const [, label] = anchor.match(/^\{\{ \$labels\.(\w+) \}\}$/) ?? [];
  const anchors = label === undefined ? [anchor] : LABEL_VALUES[label];
  expect(anchorsOf('docs/operations.md')).toEqual(expect.arrayContaining([...(anchors ?? ['no such label'])]));
});

test('the rules miss every process, and every standing repair, that says nothing at all', () => {
  const missed = RULES.flatMap(({ expr }) => words(expr, /absent\((\w+\{\w+="\w+"\})\)/g));
  const schedules = LABEL_VALUES['schedule'] ?? [];
  expect(schedules.length).toBeGreaterThan(1);
  expect(missed.sort()).toEqual(
    [
      ...SERVICES.map((job) => `up{job="${job}"}`),
      ...schedules.map((schedule) => `last_pass_timestamp_seconds{schedule="${schedule}"}`),
    ].sort(),
  );
});

test('PauseInForce knows every reason for which the service pauses by itself', () => {
  const named = words(sectionsOf('Rules').get('PauseInForce') ?? '', /`(\w+)`/g);
  const refusals = words(read('src/domain/replies.ts'), /^ {2}(\w+): 'ours_\w+'/gm);
  const own = sources().flatMap((text) => words(text, /(?:setPause|addPause|stopEverything)\(.*?'([a-z_]{4,})'/g));
  expect(own).toContain('auto_execute_ignored');
  expect(refusals.length).toBeGreaterThan(5);
  expect(own.length).toBeGreaterThan(5);
  expect([...refusals, ...own].filter((reason) => !named.includes(reason))).toEqual([]);
  const codes = named.filter(
    (it) => /^[A-Z]+_[A-Z_]+$/.test(it) && !own.includes(it) && !Object.hasOwn(ENV_SCHEMA.shape, it),
  );
  expect(codes.filter((code) => !noEffectClass('create', code)?.startsWith('ours_'))).toEqual([]);
});

function sources(): string[] {
  const files = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' });
  return files.filter((file) => file.endsWith('.ts')).map((file) => read(`src/${file}`));
}

test.each(SERVICES)("the README's table has exactly the metrics that the %s shows", (service) => {
  const [, table = ''] = read('README.md').split('| metric | of | what |');
  const rows = [...(table.split('\n\n')[0] ?? '').matchAll(/^\| (`.*?`) \| ([\w, ]+) \|/gm)];
  const told = rows
    .filter(([, , of = '']) => of === 'all' || of.split(', ').includes(service))
    .flatMap(([, names = '']) => [...names.matchAll(/`(\w+)/g)].map(([, name]) => name));
  const shown = createMetrics(service)
    .registry.getMetricsAsArray()
    .map(({ name }) => name);
  expect(new Set(told)).toEqual(new Set(shown.filter((name) => !/^(process|nodejs)_/.test(name))));
});

const MEASURED_IN: Record<Service, RegExp> = {
  api: /^(api\/|main\/(start-api|machine-clock)\.ts$)/,
  bridge: /^(pubsub-bridge\/|main\/(start-bridge|machine-clock)\.ts$)/,
  worker: /^(activities\/|main\/(start-worker|count-failures|machine-clock)\.ts$)/,
};

test.each(SERVICES)('the %s shows exactly what its rooms measure', (service) => {
  const { registry, ...metrics } = createMetrics(service);
  const files = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' });
  const measured = files
    .filter((file) => MEASURED_IN[service].test(file) && file.endsWith('.ts'))
    .flatMap((file) => [...read(`src/${file}`).matchAll(/\bmetrics\.(?!ts\b)(\w+)|\{ (\w+) \}: Metrics\b/g)])
    .map(([, used, taken]) => used ?? taken);
  const shown = new Set(registry.getMetricsAsArray());
  const own = Object.entries(metrics).filter(([, metric]) => shown.has(metric as never));
  expect(new Set(own.map(([name]) => name))).toEqual(new Set(measured));
});

test.each([...PROSE, ...ADRS])('%s links only to what is there', (file) => {
  const links = [...read(file).matchAll(/\]\((?!https?:)([^)\s]*)\)/g)].map(([, link = '']) => link);
  const missing = links.filter((link) => {
    const [path = '', anchor] = link.split('#');
    const target = path === '' ? file : join(dirname(file), path);
    return !existsSync(join(ROOT, target)) || (anchor !== undefined && !anchorsOf(target).includes(anchor));
  });
  expect(missing).toEqual([]);
});

test.each([...PROSE, ...ADRS])('%s names only files of the project that are there', (file) => {
  const paths = [...read(file).matchAll(/`((?:src|test|stack|simulator|docs|migrations)\/[\w./-]+)`/g)].map(
    ([, path = '']) => path,
  );
  expect(paths.filter((path) => !path.includes('000N') && !existsSync(join(ROOT, path)))).toEqual([]);
});

function anchorsOf(file: string): string[] {
  const titles = [...read(file).matchAll(/^#+ (.+)$/gm)].map(([, title = '']) => title);
  return titles.map((title) =>
    title
      .toLowerCase()
      .replace(/[^\w\s-]/g, '')
      .replaceAll(' ', '-'),
  );
}
