// The product's own processes are killed, frozen and stopped.
import type { Experiment } from './experiment.ts';

export const PROCESS_EXPERIMENTS: readonly Experiment[] = [
  {
    id: 'F01',
    title: 'one of two workers is killed, again and again',
    atRisk: ['I1', 'I2', 'I14'],
    async run({ system, random, windowMs, sleep, note }) {
      for (let kills = 0; kills < 8; kills += 1) {
        await sleep(random.between(0, windowMs / 5));
        const name = random.pick(['worker1', 'worker2'] as const);
        const downMs = random.between(0, 2_000);
        note('kill', { name, downMs });
        await system.fleet.crash(name, downMs);
      }
    },
  },
];
