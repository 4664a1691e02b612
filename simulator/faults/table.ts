import { z } from 'zod';
import type { Random } from '../core/random.ts';
import { DeliveryTwist } from '../webhooks/forgery.ts';
import { BadRate } from './bad-rates.ts';
import { LookupTwist, SettlementTwist, type Twists } from './twists.ts';

/** A reply on its way out, and how much of it arrives. */
export type Outgoing = {
  status: number;
  headers: Record<string, string>;
  body: string;
  /** whole; the socket destroyed before a byte; never answered; half of the body and then a reset, or a clean end. */
  manner: 'whole' | 'cut' | 'hang' | 'half_then_reset' | 'half_then_end';
  /** Of a problem: which. */
  code?: string;
};

/** What a fault may use: the clock, the dice, and the simulator's own way to print a problem. */
export type FaultTools = {
  sleep: (ms: number) => Promise<void>;
  random: Random;
  problem(code: string, status: number | undefined, extras: { details?: Record<string, unknown> }): Outgoing;
  /** The 429 of a limit that is reached, with its headers; null for one that says nothing of when to come back. */
  tooMany(retryAfterSeconds: number | null): Outgoing;
};

/**
 * One fault, with the points of a call at which it acts:
 * - `arrival`: the request is still on its way; nobody has received it.
 * - `before`: received, its key claimed, nothing done. A returned reply goes out in place of any effect. With `isConduits`
 *   it is Conduit's own word, which a key keeps like any other refusal.
 * - `twist`: changes what the operation itself does.
 * - `answer`: the effect is done, in the same synchronous stretch; what is returned is what Conduit itself says of it.
 * - `reply`: the effect is done and durable; what is returned goes out.
 * - `delivery`: an event's way to an endpoint (operation `webhook`).
 * To add a fault, add an entry to FAULTS: its name and schema are then known to rules, control client and ledger.
 */
type Fault<P, I> = {
  params: z.ZodType<P, I>;
  arrival?(params: P, tools: FaultTools): Promise<void>;
  before?(params: P, tools: FaultTools): Promise<Outgoing | undefined> | Outgoing | undefined;
  isConduits?: true;
  twist?(params: P): Twists;
  answer?(params: P, out: Outgoing, tools: FaultTools): Outgoing;
  reply?(params: P, out: Outgoing, tools: FaultTools): Promise<Outgoing> | Outgoing;
  delivery?(params: P): DeliveryTwist;
};

function fault<P, I>(entry: Fault<P, I>): Fault<P, I> {
  return entry;
}

const When = z.enum(['before', 'after']);
const Status = z.number().int().min(200).max(599);
const Milliseconds = z.number().int().min(0);
/** A fixed time, or one drawn from a range. */
const Delay = z.union([Milliseconds, z.tuple([Milliseconds, Milliseconds])]);

function lasting(delay: z.infer<typeof Delay> | undefined, random: Random): number {
  if (delay === undefined) return 0;
  return typeof delay === 'number' ? delay : delay[0] + random() * (delay[1] - delay[0]);
}

const NOTHING: Outgoing = { status: 0, headers: {}, body: '', manner: 'cut' };

function html(status: number): Outgoing {
  const body = `<html><head><title>${status}</title></head><body><center><h1>${status}</h1></center><hr>gateway</body></html>`;
  return { status, headers: { 'content-type': 'text/html' }, body, manner: 'whole' };
}

/** Sets the value at a JSON pointer, making objects on the way; an array takes its index. */
function setAt(root: unknown, pointer: string, value: unknown): void {
  const parts = pointer.split('/').slice(1);
  let node = root as Record<string, unknown>;
  parts.forEach((part, index) => {
    if (index === parts.length - 1) node[part] = value;
    else {
      node[part] ??= {};
      node = node[part] as Record<string, unknown>;
    }
  });
}

// In this order they act at each point of a call: first the waiting, then what the reply says, then whether it arrives.
const FAULTS = {
  /** Waits: on the way here, once received and before the effect, or between effect and reply. */
  delay: fault({
    params: z.strictObject({ arrivalMs: Delay.optional(), beforeMs: Delay.optional(), afterMs: Delay.optional() }),
    arrival: ({ arrivalMs }, { sleep, random }) => sleep(lasting(arrivalMs, random)),
    async before({ beforeMs }, { sleep, random }) {
      await sleep(lasting(beforeMs, random));
      return undefined;
    },
    async reply({ afterMs }, out, { sleep, random }) {
      await sleep(lasting(afterMs, random));
      return out;
    },
  }),
  /** Values to write into the JSON of the reply, by JSON pointer. */
  patch: fault({
    params: z.record(z.string().startsWith('/'), z.unknown()),
    reply(values, out) {
      if (out.body === '') return out;
      const body: unknown = JSON.parse(out.body);
      for (const [pointer, value] of Object.entries(values)) setAt(body, pointer, value);
      return { ...out, body: JSON.stringify(body) };
    },
  }),
  /** Answers a problem of any code, in place of the effect or after it. */
  problem: fault({
    params: z.strictObject({
      code: z.string(),
      status: Status.optional(),
      when: When.default('before'),
      details: z.record(z.string(), z.unknown()).optional(),
    }),
    isConduits: true,
    before: ({ code, status, when, details }, tools) =>
      when === 'before' ? tools.problem(code, status, details ? { details } : {}) : undefined,
    answer: ({ code, status, when, details }, out, tools) =>
      when === 'after' ? tools.problem(code, status, details ? { details } : {}) : out,
  }),
  /** 429 with `Retry-After` and the limit's headers, or without any of them. */
  rateLimited: fault({
    params: z.strictObject({ retryAfterSeconds: z.number().int().min(0).nullable().default(1) }),
    before: ({ retryAfterSeconds }, tools) => tools.tooMany(retryAfterSeconds),
  }),
  /** A gateway's HTML page. */
  html: fault({
    params: z.strictObject({ status: Status.default(502), when: When.default('after') }),
    before: ({ status, when }) => (when === 'before' ? html(status) : undefined),
    reply: ({ status, when }, out) => (when === 'after' ? html(status) : out),
  }),
  /** Half of the body: the socket is reset in the middle, or the half is sent as if it were all. */
  truncate: fault({
    params: z.enum(['reset', 'end']),
    reply: (how, out) => ({
      ...out,
      manner: how === 'reset' ? ('half_then_reset' as const) : ('half_then_end' as const),
    }),
  }),
  /** Destroys the socket, with or without the effect. */
  drop: fault({
    params: When,
    before: (when) => (when === 'before' ? NOTHING : undefined),
    reply: (when, out) => (when === 'after' ? { ...out, manner: 'cut' as const } : out),
  }),
  /** Never answers; the caller gives up. Before the effect the request is handled for ever, and its key stays in progress. */
  hang: fault({
    params: When,
    before: (when) => (when === 'before' ? { ...NOTHING, manner: 'hang' as const } : undefined),
    reply: (when, out) => (when === 'after' ? { ...out, manner: 'hang' as const } : out),
  }),
  /** The order is locked this much worse than its option was quoted. */
  worseLock: fault({
    params: z.strictObject({ bps: z.number().positive().max(9_999) }),
    twist: ({ bps }) => ({ worseLockBps: bps }),
  }),
  /** The order will be executed without its owner, who asked for the opposite. */
  autoExecuteDespiteFalse: fault({
    params: z.literal(true),
    twist: (autoExecuteDespiteFalse) => ({ autoExecuteDespiteFalse }),
  }),
  badRate: fault({ params: BadRate, twist: (kind) => ({ badRate: kind }) }),
  lookup: fault({ params: LookupTwist, twist: (how) => ({ lookup: how }) }),
  /** What becomes of the order that this execute claims. */
  settlement: fault({ params: SettlementTwist, twist: (how) => ({ settlement: how }) }),
  webhook: fault({ params: DeliveryTwist, delivery: (how) => how }),
};

type FaultName = keyof typeof FAULTS;

type Params = { [Name in FaultName]: z.ZodOptional<(typeof FAULTS)[Name]['params']> };
const params = Object.fromEntries(Object.entries(FAULTS).map(([name, entry]) => [name, entry.params.optional()]));

/** One or more faults by name, each with its parameters. */
export const Action = z.strictObject(params as Params);
export type Action = z.infer<typeof Action>;

export type ActingFault = { name: string; params: unknown; fault: Fault<unknown, unknown> };

/** The faults of an action with their parameters, in the order of the table. */
export function faultsOf(action: Action): ActingFault[] {
  const asked: Record<string, unknown> = action;
  return Object.entries<Fault<unknown, unknown>>(FAULTS).flatMap(([name, entry]) =>
    asked[name] === undefined ? [] : [{ name, params: asked[name], fault: entry }],
  );
}
