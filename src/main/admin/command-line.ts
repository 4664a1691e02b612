import { type ParseArgsOptionsConfig, parseArgs } from 'node:util';
import { isUuid } from '../../domain/ids.ts';
import { type CommandIo, UsageError } from '../command.ts';

/** One command of `npm run admin`: the words it is called by, how it is called, what it does. */
export interface AdminCommand {
  readonly words: string;
  readonly usage: string;
  readonly does: string;
  run(args: readonly string[], io: CommandIo): Promise<void>;
}

/** The options of a command; anything that is not one of them is wrong use. */
export function readOptions<Options extends ParseArgsOptionsConfig>(args: readonly string[], options: Options) {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: false, strict: true }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

export function required(value: string | undefined, option: string): string {
  if (value === undefined || value === '') throw new UsageError(`--${option} is missing`);
  return value;
}

/** A whole number from 1. */
export function readCount(value: string | undefined, option: string): number {
  const text = required(value, option);
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new UsageError(`--${option} ${text} is not a number from 1`);
  return Number(text);
}

export function readUuid(value: string | undefined, option: string): string {
  const text = required(value, option);
  if (!isUuid(text)) throw new UsageError(`--${option} ${text} is not a UUID`);
  return text.toLowerCase();
}
