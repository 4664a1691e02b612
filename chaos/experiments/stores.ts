// What keeps and carries the state: PostgreSQL, Redis, Temporal, Pub/Sub.
import { Redis } from 'ioredis';
import type { Experiment } from './experiment.ts';

export const STORE_EXPERIMENTS: readonly Experiment[] = [
  {
    id: 'F12',
    title: 'Redis is emptied every second',
    atRisk: ['I1', 'I3', 'I5', 'I6'],
    async run({ system, windowMs, sleep, note }) {
      const redis = new Redis(system.env['REDIS_URL'] ?? '');
      const until = Date.now() + windowMs;
      while (Date.now() < until) {
        await redis.flushall();
        note('flushall');
        await sleep(1_000);
      }
      redis.disconnect();
    },
  },
];
