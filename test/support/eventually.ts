import { setTimeout as sleep } from 'node:timers/promises';

const EVERY_MS = 50;

/** Asks until the answer is neither null, undefined nor false, and returns it; a deadline passed is an error that says for what. */
export async function eventually<T>(
  what: string,
  ask: () => Promise<T | null | undefined | false>,
  deadlineMs = 15_000,
): Promise<T> {
  const giveUpAt = performance.now() + deadlineMs;
  for (let lastError: unknown; ; ) {
    try {
      const answer = await ask();
      if (answer !== null && answer !== undefined && answer !== false) return answer;
    } catch (error) {
      lastError = error;
    }
    if (performance.now() > giveUpAt) throw new Error(`waited ${deadlineMs} ms for ${what}`, { cause: lastError });
    await sleep(EVERY_MS);
  }
}
