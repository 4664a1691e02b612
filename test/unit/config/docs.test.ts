import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';
import { ENV_SCHEMA } from '../../../src/config.ts';
import { ERROR_CODES } from '../../../src/domain/errors.ts';
import { ALERTS, createMetrics, PAGES, type Service } from '../../../src/metrics.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const PROSE = ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'docs/architecture.md', 'docs/operations.md'];
const ADRS = readdirSync(join(ROOT, 'docs/adr')).map((name) => `docs/adr/${name}`);

const read = (file: string) => readFileSync(join(ROOT, file), 'utf8');

/** What stands between backticks anywhere, taken apart into words. */
const wordsOf = (file: string) =>
  new Set([...read(file).matchAll(/`([^`\n]+)`/g)].flatMap(([, text]) => text?.match(/\w+/g) ?? []));

test('operations.md has a section for every page and a row for every alert', () => {
  const sections = [...read('docs/operations.md').matchAll(/^### (\w+)$/gm)].map(([, name]) => name);
  const rows = [...read('docs/operations.md').matchAll(/^\| `(\w+)` \|/gm)].map(([, name]) => name);
  expect(new Set(sections)).toEqual(new Set(PAGES));
  expect(rows).toEqual(expect.arrayContaining([...ALERTS]));
});

test('the README names every setting and every error code', () => {
  const named = wordsOf('README.md');
  expect([...Object.keys(ENV_SCHEMA.shape), ...ERROR_CODES].filter((name) => !named.has(name))).toEqual([]);
});

const SERVICES = ['api', 'bridge', 'worker'] as const satisfies readonly Service[];

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
  worker: /^(activities\/|main\/(start-worker|machine-clock)\.ts$)/,
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
