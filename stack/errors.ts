/** The set-up cannot go on; the message says what, why and what to do, and needs no stack trace. */
export class SetupError extends Error {
  override readonly name = 'SetupError';
}

/** What a command prints of a failure: the message alone where the reader can act on it, the trace where it is our bug. */
export function describeFailure(error: unknown): string {
  if (error instanceof SetupError) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
