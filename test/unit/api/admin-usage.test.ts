import { expect, test } from '@jest/globals';
import { adoptCommands } from '../../../src/main/admin/adopt.ts';
import type { AdminCommand } from '../../../src/main/admin/command-line.ts';
import { deadLetterCommands } from '../../../src/main/admin/dead-letters.ts';
import { keyCommands } from '../../../src/main/admin/keys.ts';
import { orphanCommands } from '../../../src/main/admin/orphans.ts';
import { pauseCommands } from '../../../src/main/admin/pauses.ts';
import { reconcileCommands } from '../../../src/main/admin/reconcile.ts';
import { userCommands } from '../../../src/main/admin/users.ts';
import { webhookCommands } from '../../../src/main/admin/webhook.ts';
import { UsageError } from '../../../src/main/command.ts';

const COMMANDS: readonly AdminCommand[] = [
  ...userCommands,
  ...keyCommands,
  ...pauseCommands,
  ...webhookCommands,
  ...orphanCommands,
  ...adoptCommands,
  ...deadLetterCommands,
  ...reconcileCommands,
];
const ID = 'f8a3e3a9-5678-41e9-8123-abcdef987654';

test.each([
  ['user add', ''],
  ['user add', `--id ${ID}`],
  ['user add', '--id me --account USD=vac_1'],
  ['user add', `--id ${ID} --account USD`],
  ['user add', `--id ${ID} --account USD=acc_1`],
  ['user add', `--id ${ID} --account usd=vac_1`],
  ['user add', `--id ${ID} --account USD:ethereum=vac_1`],
  ['user add', `--id ${ID} --account USDT=wlt_1`],
  ['user add', `--id ${ID} --account USDT:moon=wlt_1`],
  ['user add', `--id ${ID} --account USD=vac_1 --account USD=vac_2`],
  ['user add', `--id ${ID} --account USD=vac_1 --customer me`],
  ['user add', `--id ${ID} --account USD=vac_1 more`],
  ['key add', ''],
  ['key add', `--service --user ${ID}`],
  ['key add', '--user me'],
  ['key list', '--all'],
  ['key revoke', ''],
  ['pause', ''],
  ['pause', '--scope everything'],
  ['pause', '--scope pair:USD'],
  ['pause', '--scope pair:USD-EUR-USD'],
  ['pause', '--scope account:USD'],
  ['resume', '--scope all --reason why'],
  ['pause list', '--all'],
  ['orphan list', '--all'],
  ['orphan close', `--order ${ID} --attempt 1`],
  ['orphan close', `--order ${ID} --attempt 1 --reason no`],
  ['orphan close', `--order ${ID} --attempt 0 --reason because`],
  ['orphan close', '--order me --attempt 1 --reason because'],
  ['adopt', ''],
  ['adopt', '--dry-run'],
  ['adopt', '--since yesterday'],
  ['adopt', '--since 2026-02-31T10:00:00Z'],
  ['adopt', '--since 2026-01-01T00:00:00'],
  ['adopt', '--since 9999-01-01T00:00:00Z'],
  ['adopt', '--since 2026-01-01T00:00:00Z --until 2026-01-01T00:00:00Z'],
  ['adopt', `--since 2026-01-01T00:00:00Z --order ${ID}`],
  ['adopt', `--order ${ID} --attempt 1`],
  ['adopt', `--order ${ID} --attempt one --conduit-order ord_1`],
  ['adopt', `--order ${ID} --attempt 1 --conduit-order txn_1`],
  ['adopt', `--order ${ID} --attempt 1 --conduit-order ord_1 --while-running`],
  ['dead-letters list', '--topic orders'],
  ['dead-letters list', '--limit 0'],
  ['dead-letters list', '--limit 1001'],
  ['dead-letters list', '--all'],
  ['dead-letters replay', ''],
  ['dead-letters replay', '--topic order-checks'],
  ['dead-letters replay', '--all --id 1'],
  ['dead-letters replay', '--all --topic order-checks.dead-letter'],
  ['dead-letters discard', ''],
  ['dead-letters discard', '--all'],
  ['reconcile', '--order me'],
  ['reconcile', `--order ${ID} --conduit`],
  ['reconcile', '--hours 2'],
  ['reconcile', '--conduit --hours 0'],
  ['reconcile', '--conduit --hours 745'],
  ['webhook register', ''],
  ['webhook register', '--url ftp://example.test'],
])('%s %s is wrong use, found before anything is touched', async (words, options) => {
  const said: string[] = [];
  const io = { say: (line: string) => said.push(line), tell: (line: string) => said.push(line) };
  const command = COMMANDS.find((it) => it.words === words);
  const args = options === '' ? [] : options.split(' ');
  await expect(command?.run(args, io)).rejects.toBeInstanceOf(UsageError);
  expect(said).toEqual([]);
});

test('no command is called by the beginning of another', () => {
  const words = COMMANDS.map((command) => command.words);
  expect(new Set(words).size).toBe(words.length);
  for (const { usage, does, words: called } of COMMANDS) {
    expect(usage.startsWith(called)).toBe(true);
    expect(does.length).toBeGreaterThan(10);
  }
});
