import { z } from 'zod';
import { EcbReplay } from '../core/rates.ts';
import { FaultRule } from '../faults/rules.ts';
import { ClockBody, RatesBody, SeedBody } from './bodies.ts';
import { type DeskDeps, DeskError, type DeskRoute } from './desk-route.ts';

function instantOf(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (text === null) return undefined;
  const atMs = /^\d+$/.test(text) ? Number(text) : Date.parse(text);
  if (Number.isNaN(atMs)) throw new DeskError(400, `${name} is not a time`);
  return atMs;
}

function countOf(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (text !== null && !/^\d+$/.test(text)) throw new DeskError(400, `${name} is not a count`);
  return text === null ? undefined : Number(text);
}

/** The market, the knobs, the faults and their dice, the clock, and what was asked of Conduit so far. */
export function experimentRoutes({ clock, knobs, dice, rates, rules, requests, settlements }: DeskDeps): DeskRoute[] {
  return [
    { method: 'GET', path: '/_sim/rates', run: () => rates.describe() },
    {
      method: 'PUT',
      path: '/_sim/rates',
      run({ body }) {
        for (const [pair, spec] of Object.entries(RatesBody.parse(body))) rates.set(pair, spec);
        return rates.describe();
      },
    },
    {
      method: 'PUT',
      path: '/_sim/ecb',
      run({ body }) {
        rates.replayEcb(EcbReplay.nullable().parse(body) ?? undefined);
        return rates.describe();
      },
    },
    { method: 'GET', path: '/_sim/knobs', run: () => knobs.get() },
    {
      method: 'PATCH',
      path: '/_sim/knobs',
      run({ body }) {
        const turned = knobs.turn(body);
        settlements.resume(); // What was held back may go on now.
        return turned;
      },
    },
    { method: 'GET', path: '/_sim/faults', run: () => ({ faults: rules.list() }) },
    {
      method: 'POST',
      path: '/_sim/faults',
      run({ body }) {
        // Not a union: its refusal would not say which field is wrong.
        const armed = Array.isArray(body) ? z.array(FaultRule).parse(body) : [FaultRule.parse(body)];
        return { ids: armed.map((rule) => rules.arm(rule)) };
      },
    },
    { method: 'DELETE', path: '/_sim/faults', run: () => ({ cleared: rules.clear() ?? true }) },
    {
      method: 'DELETE',
      path: '/_sim/faults/:id',
      run: ({ params }) => ({ cleared: rules.clear(params['id']) ?? true }),
    },
    {
      method: 'PUT',
      path: '/_sim/seed',
      run({ body }) {
        const { seed } = SeedBody.parse(body);
        dice.reseed(seed);
        return { seed };
      },
    },
    {
      method: 'GET',
      path: '/_sim/requests',
      run: ({ query }) =>
        requests.find({
          operation: query.get('operation') ?? undefined,
          pair: query.get('pair') ?? undefined,
          sinceMs: instantOf(query, 'since'),
          untilMs: instantOf(query, 'until'),
          skip: countOf(query, 'skip'),
        }),
    },
    {
      method: 'PUT',
      path: '/_sim/clock',
      run({ body }) {
        clock.setOffset(ClockBody.parse(body).offsetMs);
        return { now: clock.nowIso(), offsetMs: clock.offsetMs() };
      },
    },
  ];
}
