import { z } from 'zod';
import type { Random } from '../core/random.ts';
import { OPERATIONS } from '../wire/operations.ts';
import { Action } from './table.ts';

const TargetName = z.enum([...OPERATIONS, 'webhook']);

const Match = z.strictObject({
  /** One or several operations, or `webhook` for an event on its way to an endpoint; any /v2 operation by default. */
  operation: z.union([TargetName, z.array(TargetName).min(1)]).optional(),
  /** The order's clientReferenceId; a trailing `*` matches any ending. */
  reference: z.string().min(1).optional(),
  orderId: z.string().min(1).optional(),
  eventType: z.string().min(1).optional(),
  /** From the n-th match on, counted from 1. */
  nth: z.number().int().min(1).default(1),
  /** How often the rule strikes: once by default, always by default when it has a probability. */
  times: z.union([z.number().int().min(1), z.literal('always')]).optional(),
  probability: z.number().min(0).max(1).optional(),
});

export const FaultRule = z.strictObject({ match: Match.prefault({}), action: Action });
export type FaultRule = z.infer<typeof FaultRule>;
export type FaultRuleInput = z.input<typeof FaultRule>;

/** What a rule is held against: one call, or one event on its way. */
type Target = {
  operation: z.infer<typeof TargetName>;
  reference?: string | undefined;
  orderId?: string | undefined;
  eventType?: string | undefined;
};

export type ArmedRule = FaultRule & { id: string; seen: number; hits: number };

export type FaultRules = {
  /** Queues a rule behind those already armed; returns its id. */
  arm(rule: FaultRule): string;
  /** Disarms one rule or, without an id, all of them. */
  clear(id?: string): void;
  list(): ArmedRule[];
  /** The rule that strikes this target: the first in the queue that fits and is not used up. At most one strikes. */
  take(target: Target): ArmedRule | undefined;
};

/** Whether a clientReferenceId is the wanted one or, when that ends in `*`, begins like it. */
export function fitsReference(wanted: string, reference: string | undefined): boolean {
  if (!wanted.endsWith('*')) return reference === wanted;
  return reference?.startsWith(wanted.slice(0, -1)) === true;
}

function fits({ match }: FaultRule, target: Target): boolean {
  const operations = match.operation === undefined ? undefined : [match.operation].flat();
  const operationFits = operations ? operations.includes(target.operation) : target.operation !== 'webhook';
  const referenceFits = match.reference === undefined || fitsReference(match.reference, target.reference);
  const orderFits = match.orderId === undefined || match.orderId === target.orderId;
  const typeFits = match.eventType === undefined || match.eventType === target.eventType;
  return operationFits && referenceFits && orderFits && typeFits;
}

function limitOf({ match }: FaultRule): number {
  if (match.times === 'always') return Number.POSITIVE_INFINITY;
  return match.times ?? (match.probability === undefined ? 1 : Number.POSITIVE_INFINITY);
}

export function createFaultRules({ random }: { random: Random }): FaultRules {
  let rules: ArmedRule[] = [];
  let lastId = 0;

  return {
    arm(rule) {
      lastId += 1;
      const id = `fault-${lastId}`;
      rules.push({ ...rule, id, seen: 0, hits: 0 });
      return id;
    },
    clear(id) {
      rules = id === undefined ? [] : rules.filter((rule) => rule.id !== id);
    },
    list: () => rules,
    take(target) {
      let taken: ArmedRule | undefined;
      for (const rule of rules) {
        if (!fits(rule, target)) continue;
        rule.seen += 1;
        const isReady = rule.seen >= rule.match.nth && rule.hits < limitOf(rule);
        if (taken || !isReady || random() >= (rule.match.probability ?? 1)) continue;
        rule.hits += 1;
        taken = rule;
      }
      return taken;
    },
  };
}
