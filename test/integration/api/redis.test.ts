import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { pino } from 'pino';
import { connectRedis, type GuardedRedis } from '../../../src/clients/redis.ts';
import { createUserCache } from '../../../src/clients/redis-cache.ts';
import { eventually } from '../../support/eventually.ts';
import { testRedisUrl } from '../../support/redis.ts';

const NAME = `reader_${randomUUID().slice(0, 8)}`;
const QUIET_MS = 200;

/** May do anything, and makes users of Redis. */
let operator: Redis;
const lines: string[] = [];
let guarded: GuardedRedis;

beforeAll(async () => {
  operator = new Redis(testRedisUrl());
  await operator.acl('SETUSER', NAME, 'on', '>word', '~*', '+@all');
  const url = new URL(testRedisUrl());
  url.username = NAME;
  url.password = 'word';
  const log = pino({ level: 'info' }, { write: (line: string) => lines.push(line) });
  guarded = connectRedis(url.href, log, QUIET_MS);
  await eventually('a connection', () => guarded.run(null, (redis) => redis.ping()));
});
afterAll(async () => {
  guarded.close();
  await operator.acl('DELUSER', NAME);
  operator.disconnect();
});

const events = () => lines.map((line) => (JSON.parse(line) as { event: string }).event);
const isAsked = () => guarded.run(false, async (redis) => (await redis.get('anything')) === null);

test('a Redis that answers reads and refuses writes is left alone after three refusals, whatever it answers between', async () => {
  await eventually('quiet', async () => (await isAsked()) && events().at(-1) !== 'dependency_unavailable');
  lines.length = 0;
  // As a replica that was not promoted, or a Redis without memory: refused by the server itself.
  await operator.acl('SETUSER', NAME, '-@write');
  const users = createUserCache(guarded);
  const secret = randomUUID();
  for (let count = 0; count < 3; count += 1) {
    expect(await isAsked()).toBe(true);
    await users.writeAssets(secret, ['secret-asset']);
  }
  expect(await isAsked()).toBe(false);

  expect(lines).toHaveLength(1);
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({
    event: 'dependency_unavailable',
    dependency: 'redis',
    error: expect.stringMatching(/^ReplyError: NOPERM/),
    command: 'set',
  });
  // An error of the driver carries the command's arguments, and these are orders.
  for (const word of [secret, 'secret-asset']) expect(lines.join()).not.toContain(word);

  await operator.acl('SETUSER', NAME, '+@all');
  await eventually('its return', async () => (await isAsked()) && events().includes('dependency_recovered'), 5_000);
  await users.writeAssets(secret, ['secret-asset']);
  expect(await users.readAssets(secret)).toEqual(['secret-asset']);
  expect(events()).toEqual(['dependency_unavailable', 'dependency_recovered']);
});

test('the arguments that Redis repeats of a command it does not know are not logged', async () => {
  lines.length = 0;
  await guarded.run(null, (redis) => redis.call('NOSUCH', 'secret-argument'));
  expect(lines).toHaveLength(1);
  expect(lines[0]).toContain('unknown command');
  expect(lines[0]).not.toContain('secret-argument');
});
