import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';
import { ENV_SCHEMA } from '../../../src/config.ts';
import { ERROR_CODES } from '../../../src/domain/errors.ts';
import { ALERTS, createMetrics, PAGES } from '../../../src/metrics.ts';

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

test('the README names every setting, every error code and every metric of ours', async () => {
  const named = wordsOf('README.md');
  const metrics = (await createMetrics('test').registry.getMetricsAsJSON()).map(({ name }) => name);
  const ours = metrics.filter((name) => !/^(process|nodejs)_/.test(name));
  // A bug of ours has a code too; nobody needs to know it before it happens.
  const codes = ERROR_CODES.filter((code) => code !== 'internal_error');
  expect([...Object.keys(ENV_SCHEMA.shape), ...codes, ...ours].filter((name) => !named.has(name))).toEqual([]);
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
