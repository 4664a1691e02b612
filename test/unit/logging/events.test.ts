import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';
import { ORDER_EVENTS } from '../../../src/db/transition.ts';
import { LOG_EVENTS } from '../../../src/logger.ts';

const SRC = fileURLToPath(new URL('../../../src/', import.meta.url));

/** Every event that the sources name, of the log and of orders alike: both are written as `event: '…'`. */
const named = new Set(
  readdirSync(SRC, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .flatMap((file) =>
      [...readFileSync(`${SRC}${file}`, 'utf8').matchAll(/\bevent: '(\w+)'/g)].map(([, name = '']) => name),
    ),
);

test('every event in the sources is in one of the two closed lists', () => {
  const known = new Set<string>([...LOG_EVENTS, ...ORDER_EVENTS]);
  expect([...named].filter((name) => !known.has(name))).toEqual([]);
});

test('every log event of the list is logged somewhere', () => {
  expect(LOG_EVENTS.filter((name) => !named.has(name))).toEqual([]);
});
