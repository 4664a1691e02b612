// What somebody may try who is no customer, not this one, or no friend; and settings that cannot be right.
import { bootEverything } from '../security/every-boot.ts';
import { tryEveryRoute } from '../security/every-route.ts';
import { searchForFaults } from '../security/fuzz/search.ts';
import type { Experiment } from './experiment.ts';

const BESIDE = { orders: 6, windowMs: 3_000 } as const;

export const SECURITY_EXPERIMENTS: readonly Experiment[] = [
  {
    id: 'A1',
    title: "every route, by every kind of caller, about another user's order in every state",
    atRisk: ['I10', 'I15'],
    load: BESIDE,
    run: tryEveryRoute,
  },
  {
    id: 'A2',
    title: 'every program is started with settings that are wrong, missing, unreadable or do not go together',
    atRisk: ['I14', 'I15'],
    load: BESIDE,
    run: (stage) => bootEverything(stage),
  },
  {
    id: 'A3',
    title: 'requests at random and nearly right, signed rubbish, bytes that are no HTTP, clients that never end',
    atRisk: ['I6', 'I10', 'I14', 'I15'],
    load: BESIDE,
    run: searchForFaults,
  },
];
