import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { newApiKey } from '../../../src/api/api-key.ts';
import { mintKey } from '../../../src/main/admin/keys.ts';
import { CommandError } from '../../../src/main/command.ts';
import { eventually } from '../../support/eventually.ts';
import { addAttempt, takeTo } from './states.ts';
import { addTestUser, orderBody, startTestBed, type TestApi, type TestBed } from './support.ts';

// Processes start in here, each of which takes a second on a busy machine.
jest.setTimeout(90_000);

let bed: TestBed;
let api: TestApi;

beforeAll(async () => {
  bed = await startTestBed();
  ({ api } = bed);
});
afterAll(() => bed.stop());

interface Ran {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Runs one of the product's commands as an operator does, against this file's database. */
function run(
  command: 'admin' | 'migrate',
  args: readonly string[] = [],
  env: Record<string, string> = {},
): Promise<Ran> {
  const script = fileURLToPath(new URL(`../../../src/main/${command}.ts`, import.meta.url));
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [script, ...args], {
      env: { PATH: process.env['PATH'], DATABASE_URL: bed.database.url, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let out = '';
    let err = '';
    child.stdout.on('data', (text: Buffer) => {
      out += text.toString();
    });
    child.stderr.on('data', (text: Buffer) => {
      err += text.toString();
    });
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, out, err }));
  });
}
const admin = (text: string, env: Record<string, string> = {}) => run('admin', text.split(' '), env);
const anAccount = (kind = 'wlt') => `${kind}_${randomUUID().replaceAll('-', '').slice(0, 22)}`;
const activeOf = async (userId: string) => {
  const rows = await api.db<{ accountId: string }[]>`
    select account_id from conduit_accounts where user_id = ${userId} and active order by account_id`;
  return rows.map(({ accountId }) => accountId);
};

test('user add creates, changes nothing the second time, replaces with others and says so', async () => {
  const id = randomUUID();
  const [usdt, usd, other] = [anAccount(), anAccount('vac'), anAccount('vac')];
  const first = `user add --id ${id} --account USDT:ethereum=${usdt} --account USD=${usd} --customer cus_1`;
  expect(await admin(first)).toMatchObject({ code: 0, out: expect.stringContaining('added') });
  expect(await admin(first)).toMatchObject({ code: 0, out: expect.stringContaining('nothing was changed') });
  const replaced = await admin(`user add --id ${id} --account USDT:ethereum=${usdt} --account USD=${other}`);
  expect(replaced).toMatchObject({
    code: 0,
    out: expect.stringContaining(`${other} (USD) now in use, ${usd} (USD) no longer`),
  });
  expect(await activeOf(id)).toEqual([usdt, other].sort());
  // And back again: an account that was put aside is taken up, not refused.
  expect((await admin(first)).code).toBe(0);
  expect(await activeOf(id)).toEqual([usdt, usd].sort());
});

test('user add refuses another user’s account and changes nothing', async () => {
  const owner = await addTestUser(api.db);
  const id = randomUUID();
  const [theirs = ''] = owner.accounts;
  const ran = await admin(`user add --id ${id} --account USD=${anAccount('vac')} --account USDT:ethereum=${theirs}`);
  expect(ran).toMatchObject({ code: 1, out: '', err: expect.stringContaining('another user') });
  expect(await activeOf(id)).toEqual([]);
  expect(await api.db`select 1 from users where user_id = ${id}`).toHaveLength(0);
});

test('a key is printed alone, works at once, is listed by its beginning and stops working when revoked', async () => {
  const user = await addTestUser(api.db);
  const { out, err } = await admin(`key add --user ${user.id}`);
  expect(out).toMatch(/^cpt_[0-9A-Za-z]{43}\n$/);
  const key = out.trim();
  expect(err).not.toContain(key);
  const { status, body } = await api.request('POST', '/orders', { key, body: orderBody(user.id) });
  expect(status).toBe(201);
  const prefix = key.slice(0, 8);
  expect((await admin('key list')).out).toMatch(new RegExp(`^${prefix}  ${user.id}  .*live$`, 'm'));
  expect((await admin(`key revoke --prefix ${prefix}`)).code).toBe(0);
  expect((await admin(`key revoke --prefix ${prefix}`)).out).toContain('nothing was changed');
  expect((await admin('key list')).out).toMatch(new RegExp(`^${prefix}  .*revoked`, 'm'));
  expect((await api.request('GET', `/orders/${body.order_id}`, { key })).status).toBe(401);
});

test('no two live keys begin alike, so that each can be revoked', async () => {
  const user = await addTestUser(api.db);
  const first = await mintKey(api.db, user.id);
  const twins = Array.from({ length: 2 }, () => ({ ...newApiKey(), prefix: first.prefix }));
  const next = newApiKey();
  const minted = await mintKey(api.db, null, () => twins.pop() ?? next);
  expect(minted).toEqual({ key: next.key, prefix: next.prefix });
  const unlucky = () => ({ ...newApiKey(), prefix: first.prefix });
  await expect(mintKey(api.db, null, unlucky)).rejects.toBeInstanceOf(CommandError);
  // A revoked key stands in nobody's way.
  expect((await admin(`key revoke --prefix ${first.prefix}`)).code).toBe(0);
  const again = await mintKey(api.db, user.id, unlucky);
  expect(again.prefix).toBe(first.prefix);
  expect((await admin(`key revoke --prefix ${first.prefix}`)).out).toContain('is revoked');
});

test('live keys that began alike before that rule are told apart by a number', async () => {
  const migration = new URL('../../../migrations/0007_key_prefixes.sql', import.meta.url);
  await api.db`drop index api_keys_live_prefix`;
  const insert = (hash: string, age: string, isLive: boolean) => api.db`
    insert into api_keys (key_hash, prefix, created_at, revoked_at) values (decode(${hash.repeat(64)}, 'hex'), 'cpt_twin',
      app_now() - ${age}::interval, ${isLive ? null : api.db`app_now()`})`;
  await insert('a', '1 day', true);
  await insert('b', '3 days', true);
  await insert('c', '2 days', false);
  await insert('d', '2 days', true);
  await api.db.unsafe(readFileSync(migration, 'utf8'));
  const rows = await api.db<{ prefix: string; hash: string }[]>`
    select prefix, encode(key_hash, 'hex') as hash from api_keys where prefix like 'cpt_twin%' order by 1, 2`;
  expect(rows.map(({ prefix, hash }) => [prefix, hash[0]])).toEqual([
    ['cpt_twin', 'b'],
    ['cpt_twin', 'c'],
    ['cpt_twin~2', 'd'],
    ['cpt_twin~3', 'a'],
  ]);
  expect((await admin('key revoke --prefix cpt_twin~2')).code).toBe(0);
});

test('a service’s key acts for any user, and no key is made for a user that does not exist', async () => {
  const user = await addTestUser(api.db);
  const key = (await admin('key add --service')).out.trim();
  expect((await api.request('POST', '/orders', { key, body: orderBody(user.id) })).status).toBe(201);
  expect(await admin(`key add --user ${randomUUID()}`)).toMatchObject({ code: 1, out: '' });
});

test('a pause answers when what was sent before it has its reply', async () => {
  const user = await addTestUser(api.db);
  const { body } = await api.request('POST', '/orders', { key: user.key, body: orderBody(user.id) });
  await takeTo(api.db, body.order_id, 'watching');
  await addAttempt(api.db, body.order_id, 'prepared');
  const sendOf = (attempt: number, ageMs: number) => api.db`
    insert into conduit_sends (order_id, attempt, operation, key_number, idempotency_key, permitted_at)
    values (${body.order_id}, ${attempt}, 'create', 1, ${randomUUID()}, app_now() - ${ageMs} * interval '1 millisecond') returning send_id`;
  const [sent] = await sendOf(1, 0);

  let isDone = false;
  const scope = `pair:${body.pair}`;
  const pausing = admin(`pause --scope ${scope} --reason test`).then((ran) => {
    isDone = true;
    return ran;
  });
  await eventually('the pause', async () => (await api.db`select 1 from pauses where scope = ${scope}`).length === 1);
  expect(isDone).toBe(false);
  await api.db`update conduit_sends set outcome = 'accepted', replied_at = app_now() where send_id = ${sent?.['sendId']}`;
  expect(await pausing).toMatchObject({ code: 0, out: expect.stringContaining('nothing is on its way') });

  // One that will never be answered is named as soon as it can no longer be on its way; the command itself takes a moment to begin.
  const [lost] = await sendOf(1, 8_000);
  const named = await admin(`pause --scope ${scope}`);
  expect(named).toMatchObject({
    code: 0,
    out: expect.stringContaining(`send ${lost?.['sendId']} of order ${body.order_id}`),
  });
  expect((await admin(`resume --scope ${scope}`)).out).toContain('Resumed');
  expect((await admin(`resume --scope ${scope}`)).out).toContain('was not paused');
}, 20_000);

test('user add that puts an account out of use answers when what was sent from it before has its reply', async () => {
  const user = await addTestUser(api.db);
  const { body } = await api.request('POST', '/orders', { key: user.key, body: orderBody(user.id) });
  await takeTo(api.db, body.order_id, 'watching');
  await addAttempt(api.db, body.order_id, 'prepared');
  const [sent] = await api.db`
    insert into conduit_sends (order_id, attempt, operation, key_number, idempotency_key)
    values (${body.order_id}, 1, 'create', 1, ${randomUUID()}) returning send_id`;
  const before = await activeOf(user.id);
  const other = anAccount();
  let isDone = false;
  const replacing = admin(`user add --id ${user.id} --account USDT:ethereum=${other}`).then((ran) => {
    isDone = true;
    return ran;
  });
  await eventually('the change', async () => (await activeOf(user.id)).includes(other));
  expect(isDone).toBe(false);
  await api.db`update conduit_sends set outcome = 'accepted', replied_at = app_now() where send_id = ${sent?.['sendId']}`;
  const { code, out } = await replacing;
  expect(code).toBe(0);
  for (const account of before) expect(out).toContain(`Account ${account} is out of use; nothing is on its way`);
}, 20_000);

test('a pause waits for a permit that stands still, and lifting what is not paused forgets nothing', async () => {
  const scope = 'pair:USD-EUR';
  const holding = api.db.begin(async (tx) => {
    await tx`select pg_advisory_xact_lock_shared(7201001)`;
    await tx`select pg_sleep(3)`;
  });
  const baseline = () => api.db`select 1 from rate_baselines where pair = 'USD-EUR'`;
  expect(await admin(`resume --scope ${scope}`)).toMatchObject({ out: expect.stringContaining('nothing was changed') });
  expect(await baseline()).toHaveLength(0);
  expect(await admin(`pause --scope ${scope}`)).toMatchObject({ code: 0, out: expect.stringContaining('Paused') });
  await holding;
  expect(await admin(`resume --scope ${scope}`)).toMatchObject({ out: expect.stringContaining('Resumed') });
  expect(await baseline()).toHaveLength(1);
}, 30_000);

test('webhook register prints the secret alone', async () => {
  const secret = `whsec_${'a'.repeat(64)}`;
  const asked: string[] = [];
  const conduit = createServer((req, res) => {
    req.on('data', (bytes: Buffer) => asked.push(`${req.method} ${req.url} ${bytes.toString()}`));
    req.on('end', () => {
      res.writeHead(201, { 'content-type': 'application/json' });
      res.end(JSON.stringify({ id: 'wep_1', url: 'https://example.test/webhooks/conduit', secret }));
    });
  });
  await new Promise<void>((resolve) => conduit.listen(0, '127.0.0.1', resolve));
  const address = conduit.address();
  const env = {
    CONDUIT_BASE_URL: `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/v2`,
    CONDUIT_API_KEY: `ck_sandbox_${'0'.repeat(64)}`,
  };
  const ran = await admin('webhook register --url https://example.test/webhooks/conduit', env);
  await new Promise((resolve) => conduit.close(resolve));
  expect(ran).toMatchObject({ code: 0, out: `${secret}\n` });
  expect(ran.err).not.toContain(secret);
  expect(asked).toEqual(['POST /v2/webhooks/endpoints {"url":"https://example.test/webhooks/conduit"}']);
});

test('wrong use is exit code 2 with the reason, and nothing on standard output', async () => {
  for (const text of ['nonsense', 'key add', 'pause --scope everything']) {
    expect(await admin(text)).toMatchObject({ code: 2, out: '', err: expect.stringContaining('--help') });
  }
  expect(await admin('--help')).toMatchObject({ code: 0, out: expect.stringContaining('user add --id UUID') });
});

test('a database that is away is one clear line and exit code 1', async () => {
  const env = { DATABASE_URL: 'postgres://nobody:secret@127.0.0.1:1/none' };
  for (const ran of [await admin('key list', env), await run('migrate', [], env)]) {
    expect(ran).toMatchObject({ code: 1, out: '', err: expect.stringMatching(/^PostgreSQL does not answer/) });
    expect(ran.err).not.toContain('secret');
  }
});

test('a database or a user that PostgreSQL does not know is one clear line, without a stack or a password', async () => {
  const at = (change: (url: URL) => void) => {
    const url = new URL(bed.database.url);
    url.password = 'secret';
    change(url);
    return { DATABASE_URL: url.href };
  };
  const nowhere = at((url) => {
    url.pathname = '/nowhere';
  });
  const nobody = at((url) => {
    url.username = 'nobody_here';
  });
  for (const [env, line] of [
    [nowhere, /^There is no such database as DATABASE_URL names: .*\n$/],
    [nobody, /^PostgreSQL does not let in the user of DATABASE_URL: .*\n$/],
  ] as const) {
    for (const ran of [await admin('key list', env), await run('migrate', [], env)]) {
      expect(ran).toEqual({ code: 1, out: '', err: expect.stringMatching(line) });
    }
  }
});

test('a key that is not for the host is a fault of the settings, said in words', async () => {
  const ran = await admin('webhook register --url https://example.test/webhooks/conduit', {
    CONDUIT_BASE_URL: 'https://api.conduit.financial/v2',
    CONDUIT_API_KEY: `ck_sandbox_${'0'.repeat(64)}`,
  });
  const err =
    'The configuration is wrong:\n  CONDUIT_API_KEY: the API key for api.conduit.financial must begin with ck_live_\n';
  expect(ran).toEqual({ code: 1, out: '', err });
});

test('migrating an empty database twice, and by two at once, makes one of each table', async () => {
  const name = `t_${randomUUID().replaceAll('-', '').slice(0, 16)}`;
  const url = new URL(bed.database.url);
  url.pathname = `/${name}`;
  const env = { DATABASE_URL: url.href };
  await api.db.unsafe(`create database ${name}`);
  try {
    const tables = await admin('key list', env);
    expect(tables).toMatchObject({ code: 1, err: expect.stringContaining('npm run db:migrate') });
    const both = await Promise.all([run('migrate', [], env), run('migrate', [], env)]);
    expect(both.map(({ code }) => code)).toEqual([0, 0]);
    const said = both.map(({ out }) => out).sort();
    expect(said[0]).toMatch(/^Migrated: 0001_users/);
    expect(said[1]).toMatch(/^Nothing to migrate/);
    expect((await run('migrate', [], env)).out).toMatch(/^Nothing to migrate/);
    expect((await admin('key list', env)).code).toBe(0);
  } finally {
    await api.db.unsafe(`drop database ${name} with (force)`);
  }
}, 20_000);
