import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { appendFile, readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { afterEach, expect, test } from '@jest/globals';
import { openLedger } from '../../simulator/book/ledger.ts';
import { createSimulatorControl } from '../../simulator/control.ts';
import {
  apiAt,
  matchingSignatures,
  newLedgerFile,
  PAIR,
  processKeys,
  receiver,
  start,
  stopAll,
  until,
  untilStatus,
} from './support.ts';

const MAIN = new URL('../../simulator/main.ts', import.meta.url).pathname;
const children: ReturnType<typeof spawn>[] = [];

afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await stopAll();
});

test('after a crash orders, used options, references and kept replies are as before, and claimed orders go on', async () => {
  const first = await start({ knobs: { settlementHeld: true } });
  const option = (await first.api.option()).id;
  const unused = (await first.api.option()).id;
  const created = await first.api.create({ optionId: option, reference: 'crash:g1', key: 'create-key' });
  const executed = await first.api.execute(created.body.id, 'execute-key');
  const waiting = (await first.api.create()).body;
  await first.simulator.crash();

  const { api, control } = await start({ ledgerFile: first.ledgerFile, knobs: { settlementHeld: true } });
  const { linkedTransactionIds: _later, ...claimed } = executed.body;
  expect((await api.get(created.body.id)).body).toMatchObject(claimed);
  expect((await api.get(waiting.id)).body).toEqual(waiting);
  const again = await api.create({ optionId: option, reference: 'crash:g1', key: 'create-key' });
  expect([again.status, again.text]).toEqual([202, created.text]);
  expect((await api.execute(created.body.id, 'execute-key')).text).toBe(executed.text);
  expect((await api.create({ optionId: option })).body.type).toBe('QUOTE_ALREADY_USED');
  expect((await api.create({ reference: 'crash:g1' })).body.type).toBe('DUPLICATE_CLIENT_REFERENCE_ID');
  expect((await api.execute(created.body.id)).body.type).toBe('ORDER_NOT_EXECUTABLE');
  expect((await api.create({ optionId: unused })).status).toBe(202);
  await control.setKnobs({ settlementHeld: false });
  await untilStatus(api, created.body.id, 'succeeded');
  const seqs = (await control.ledger()).map(({ seq }) => seq);
  expect(seqs).toEqual(seqs.map((_, index) => index + 1));
});

test('a connection that has asked for nothing does not hold up a stop', async () => {
  const { simulator, url } = await start();
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  await once(socket, 'connect');
  const stopping = simulator.stop().then(() => 'stopped');
  const late = new Promise((done) => setTimeout(() => done('late'), 1_000).unref());
  expect(await Promise.race([stopping, late])).toBe('stopped');
  socket.destroy();
});

test('what was not in the file when it crashed never happened for anybody', async () => {
  const { api, simulator, ledgerFile } = await start({ knobs: { settlementHeld: true } });
  const { id } = (await api.create()).body;
  const racing = Array.from({ length: 20 }, () => api.create().catch(() => undefined));
  racing.push(api.execute(id, 'racing').catch(() => undefined));
  await Promise.race(racing);
  await simulator.crash();
  const accepted = (await Promise.all(racing)).flatMap((one) => (one?.status === 202 ? [one.body] : []));
  const second = await start({ ledgerFile, knobs: { settlementHeld: true } });
  for (const { id: acceptedId, clientReferenceId } of accepted) {
    expect((await second.api.get(acceptedId)).body).toMatchObject({ clientReferenceId });
  }
});

test('what is committed is in the file, in the order in which it was queued', async () => {
  const file = await newLedgerFile();
  const { ledger } = await openLedger(file);
  for (let round = 0; round < 20; round += 1) {
    for (let n = 0; n < 5; n += 1) ledger.append({ event: 'control.used', what: `${round}.${n}`, with: null });
    await ledger.committed();
    const seqs = readFileSync(file, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).seq);
    expect(seqs).toEqual(Array.from({ length: 5 * (round + 1) }, (_, index) => index + 1));
  }
  await ledger.close();
});

test('a last line torn by the fall is cut off, and a damaged line elsewhere is refused', async () => {
  const first = await start();
  const { id } = (await first.api.create()).body;
  await first.simulator.stop();
  await appendFile(first.ledgerFile, '{"seq":99,"event":"order.cre');
  const second = await start({ ledgerFile: first.ledgerFile });
  expect((await second.api.get(id)).status).toBe(200);
  expect((await second.api.create()).status).toBe(202);
  await second.simulator.stop();
  const text = await readFile(first.ledgerFile, 'utf8');
  for (const line of text.trim().split('\n')) expect(() => JSON.parse(line)).not.toThrow();
  await appendFile(first.ledgerFile, 'garbage\n{}\n');
  await expect(start({ ledgerFile: first.ledgerFile })).rejects.toThrow('is not JSON');
});

test('an event that was not delivered before a crash is delivered after it, with the same id', async () => {
  const hook = await receiver((_, count) => (count === 1 ? 500 : 200));
  const first = await start({ knobs: { settlementHeld: true } });
  const { secret } = (await first.api.call('POST', '/webhooks/endpoints', { body: { url: hook.url } })).body;
  await first.api.create();
  await until(() => hook.received.length === 1);
  await first.simulator.crash();
  await start({ ledgerFile: first.ledgerFile });
  await until(() => hook.received.length === 2);
  expect(hook.received[1]?.event).toEqual(hook.received[0]?.event);
  expect(hook.received[1] && matchingSignatures(hook.received[1], secret)).toBe(1);
});

async function startProcess(ledgerFile: string): Promise<{ child: ReturnType<typeof spawn>; url: string }> {
  const env = {
    ...process.env,
    ...processKeys(),
    SIMULATOR_PORT: '0',
    SIMULATOR_LEDGER_FILE: ledgerFile,
    SIMULATOR_SETTLE_DELAY_MS: '400',
    LOG_LEVEL: 'error',
    SIMULATOR_RATES: `${PAIR}=0.93`,
  };
  const child = spawn(process.execPath, [MAIN], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  let said = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  const url = await until(() => /API (http:\S+)\/v2/.exec(said)?.[1]);
  return { child, url };
}

test('a real process killed with SIGKILL in mid-execution finishes the order once it is started again', async () => {
  const ledgerFile = await newLedgerFile();
  const first = await startProcess(ledgerFile);
  const api = apiAt(first.url);
  const { id } = (await api.create({ reference: 'kill:g1' })).body;
  expect((await api.execute(id, 'kill-key')).status).toBe(202);
  first.child.kill('SIGKILL');
  await once(first.child, 'exit');

  const second = await startProcess(ledgerFile);
  const revived = apiAt(second.url);
  expect((await revived.execute(id, 'kill-key')).status).toBe(202);
  await untilStatus(revived, id, 'succeeded');
  const ledger = await createSimulatorControl(second.url).ledger({ reference: 'kill:*' });
  const effects = ledger
    .map(({ event }) => event)
    .filter((event) => event.startsWith('order.') && event !== 'order.linked');
  expect(effects).toEqual(['order.created', 'order.claimed', 'order.succeeded']);

  second.child.kill('SIGTERM');
  const [code] = await once(second.child, 'exit');
  expect(code).toBe(0);
});
