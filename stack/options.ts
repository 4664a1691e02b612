import { type ParseArgsConfig, parseArgs } from 'node:util';
import { SetupError } from './errors.ts';

/** A command's options. Throws a `SetupError` that says what is wrong with them, and the help below it. */
export function readOptions<T extends NonNullable<ParseArgsConfig['options']>>(options: T, help: string) {
  try {
    return parseArgs({ options }).values;
  } catch (error) {
    throw new SetupError(`${(error as Error).message}\n\n${help}`, { cause: error });
  }
}
