// What somebody may try who is no customer, not this one, or no friend; and settings that cannot be right.
import { tryEveryRoute } from '../security/every-route.ts';
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
];
