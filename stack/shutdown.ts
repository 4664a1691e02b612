import { describeFailure } from './errors.ts';

const SIGNALS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

/**
 * Resolves with the exit code of the first signal that asks this process to end. Further ones are ignored: a Ctrl-C reaches
 * us from the terminal and once more from npm, and every stop has a deadline of its own.
 */
export function untilAskedToStop(): Promise<number> {
  return new Promise((resolve) => {
    for (const [signal, code] of Object.entries(SIGNALS)) process.on(signal, () => resolve(code));
  });
}

/** Runs a command's main function: prints what failed, and makes its result the exit code. */
export async function runMain(main: () => Promise<number>): Promise<void> {
  // Whoever read our output has left (`| head`): that is no reason to leave the services without an orderly stop.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
  try {
    process.exitCode = await main();
  } catch (error) {
    process.stderr.write(`\n${describeFailure(error)}\n`);
    process.exitCode = 1;
  }
}
