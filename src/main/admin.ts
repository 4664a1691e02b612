// `npm run admin -- <command>`: what an operator does by hand.
import { adoptCommands } from './admin/adopt.ts';
import type { AdminCommand } from './admin/command-line.ts';
import { deadLetterCommands } from './admin/dead-letters.ts';
import { keyCommands } from './admin/keys.ts';
import { orphanCommands } from './admin/orphans.ts';
import { pauseCommands } from './admin/pauses.ts';
import { reconcileCommands } from './admin/reconcile.ts';
import { userCommands } from './admin/users.ts';
import { webhookCommands } from './admin/webhook.ts';
import { runCommand, UsageError } from './command.ts';

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

await runCommand(async (io) => {
  const args = process.argv.slice(2);
  if (args.length === 0 || args.includes('--help') || args.includes('-h') || args[0] === 'help')
    return io.say(help(args));
  // Of `pause` and `pause list` the longer one is meant.
  const called = COMMANDS.filter(({ words }) => isCalled(words, args));
  const command = called.sort((a, b) => b.words.length - a.words.length)[0];
  if (!command) throw new UsageError(`there is no command "${args.filter((arg) => !arg.startsWith('-')).join(' ')}"`);
  await command.run(args.slice(command.words.split(' ').length), io);
});

function isCalled(words: string, args: readonly string[]): boolean {
  return words.split(' ').every((word, index) => args[index] === word);
}

function help(args: readonly string[]): string {
  const asked = COMMANDS.filter(({ words }) => isCalled(words, args));
  const lines = (asked.length > 0 ? asked : COMMANDS).map(({ usage, does }) => `  ${usage}\n      ${does}`);
  return ['npm run admin -- <command>', '', ...lines, '', 'Settings come from the environment: see .env.example.'].join(
    '\n',
  );
}
