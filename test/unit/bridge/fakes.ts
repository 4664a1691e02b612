import { pino } from 'pino';
import { createMetrics } from '../../../src/metrics.ts';

export const silent = pino({ level: 'silent' });

/** A function that remembers how it was called and answers as the test says at the moment. */
export function spy<A extends unknown[], R>(answer: (...args: A) => R) {
  const calls: A[] = [];
  let current = answer;
  const called = (...args: A): R => {
    calls.push(args);
    return current(...args);
  };
  const answers = (next: (...args: A) => R) => {
    current = next;
  };
  return Object.assign(called, { calls, answers });
}

export async function messageCount(metrics: ReturnType<typeof createMetrics>, result: string): Promise<number> {
  const { values } = await metrics.messages.get();
  return values.filter(({ labels }) => labels.result === result).reduce((sum, { value }) => sum + value, 0);
}

export const newMetrics = () => createMetrics('bridge');
