// Conduit answers wrongly, late, twice or not at all.
import type { ArmedRule, FaultRuleInput } from '../../simulator/faults/rules.ts';
import type { Passing } from '../system/desk.ts';
import type { Experiment, Stage } from './experiment.ts';
import { crashAtSeam, expectStruck, listenFor } from './processes.ts';
import { lastSeq } from './rest.ts';

type Operation = 'orders.create' | 'orders.execute';
type Match = NonNullable<FaultRuleInput['match']>;

/** The effect is done, and the reply says something else or nothing. */
export function lostReplies(operation: Operation, probability: number): FaultRuleInput[] {
  const match = { operation, probability: probability / 6, times: 'always' } as const;
  return [
    { match, action: { problem: { code: 'INTERNAL_ERROR', status: 500, when: 'after' } } },
    { match, action: { html: { status: 502, when: 'after' } } },
    { match, action: { hang: 'after' } },
    { match, action: { truncate: 'reset' } },
    { match, action: { truncate: 'end' } },
    { match, action: { html: { status: 200, when: 'after' } } },
  ];
}

/** Nothing is done, and the reply does not say so. */
function lostRequests(operation: Operation, probability: number): FaultRuleInput[] {
  const match = { operation, probability: probability / 3, times: 'always' } as const;
  return [
    { match, action: { html: { status: 503, when: 'before' } } },
    { match, action: { drop: 'before' } },
    { match, action: { hang: 'before' } },
  ];
}

const problem = (operation: Match['operation'], code: string, probability: number): FaultRuleInput => ({
  match: { operation, probability, times: 'always' },
  action: { problem: { code } },
});

interface MustStrike {
  /** The share of the faults that must have struck. */
  readonly atLeast?: number;
  /** What else must have been met. */
  readonly isMet?: () => Promise<boolean>;
}

/**
 * Arms the rules for as long as orders are placed, and longer where a slow machine has not sent enough until then for what must have
 * struck; counts what did. Chance leads them once each of them has struck.
 */
export async function under(
  stage: Stage,
  rules: readonly FaultRuleInput[],
  { atLeast, isMet = () => Promise.resolve(true) }: MustStrike = {},
): Promise<void> {
  const { simulator } = stage.system;
  await simulator.armFault(...onceEach(rules), ...rules);
  await stage.sleep(stage.windowMs + 4_000);
  const haveStruck = async () => idleAmong(stage, await simulator.faults(), atLeast).length === 0;
  for (const giveUpAt = Date.now() + LONGER_MS; Date.now() < giveUpAt; await stage.sleep(500))
    if ((await haveStruck()) && (await isMet())) break;
  await disarm(stage, atLeast);
}

/** Until most orders have expired. */
const LONGER_MS = 12_000;

/** The same faults, each for one call: the first of an operation meets the first of its faults, the second the second. */
function onceEach(rules: readonly FaultRuleInput[]): FaultRuleInput[] {
  const counts = new Map<string, number>();
  return rules.map(({ match = {}, action }) => {
    const operation = JSON.stringify(match.operation);
    const nth = (counts.get(operation) ?? 0) + 1;
    counts.set(operation, nth);
    return { match: { ...match, probability: undefined, nth, times: 1 }, action };
  });
}

/** The faults that have struck nobody, where these are too many: all must have, in a quick run one. */
function idleAmong({ isQuick }: Stage, rules: readonly ArmedRule[], atLeast = 1): string[] {
  const faultOf = ({ match, action }: ArmedRule) => JSON.stringify([match.operation, action]);
  const all = new Set(rules.map(faultOf));
  const struck = new Set(rules.filter(({ hits }) => hits > 0).map(faultOf));
  const due = isQuick ? 1 : Math.ceil(all.size * atLeast);
  return struck.size >= due ? [] : [...all].filter((fault) => !struck.has(fault));
}

/** Takes the rules away, and notes each of their strikes; `atLeast` is the share of their faults that must have struck. */
export async function disarm(stage: Stage, atLeast?: number): Promise<void> {
  const { simulator } = stage.system;
  const rules = await simulator.faults();
  await simulator.clearFaults();
  for (const { action, hits } of rules)
    for (let hit = 0; hit < hits; hit += 1) stage.note(Object.keys(action).join('+'), { action });
  const idle = idleAmong(stage, rules, atLeast);
  stage.struck(idle.length === 0, `these never struck: ${idle.join(' ')}`);
}

/** Of the target: less than two basis points. */
const HAIR = 0.0002;

/** Kills whichever worker has an unresolved send, before it can look. */
function killAfterSends(stage: Stage, times: number): void {
  const fits = ({ about }: Passing) => about['outcome'] === 'unknown';
  stage.system.desk.arm('S9', (passing) => crashAtSeam(stage, passing, 3_000), { times, fits });
}

export const PROVIDER_EXPERIMENTS: readonly Experiment[] = [
  {
    id: 'F19',
    title: 'creates take effect and their replies are lost or nonsense',
    atRisk: ['I1'],
    run: (stage) => under(stage, [...lostReplies('orders.create', 0.5), ...lostRequests('orders.create', 0.2)]),
  },
  {
    id: 'F20',
    title: 'executes take effect and their replies are lost or nonsense',
    atRisk: ['I1', 'I7'],
    run: (stage) => under(stage, [...lostReplies('orders.execute', 0.6), ...lostRequests('orders.execute', 0.3)]),
  },
  {
    id: 'F21',
    title: 'as F20, the worker dies before it can ask, and Conduit forgets keys after 5 s',
    atRisk: ['I1'],
    async run(stage) {
      await stage.system.simulator.setKnobs({ idempotencyWindowMs: 5_000 * stage.timeScale });
      killAfterSends(stage, stage.isQuick ? 2 : 4);
      // Not how a reply was lost is the point, but that who was to ask has died.
      await under(stage, [...lostReplies('orders.execute', 0.6), ...lostRequests('orders.execute', 0.2)], {
        atLeast: 0,
      });
      expectStruck(stage);
    },
  },
  {
    id: 'F22',
    title: 'as F20, and look-ups fail for ten minutes',
    atRisk: ['I1'],
    async run(stage) {
      const expectAlert = await listenFor(stage, 'lookup_unavailable');
      const down: FaultRuleInput[] = ['orders.get' as const, 'orders.list' as const].map((operation) => ({
        match: { operation, times: 'always' },
        action: { html: { status: 503, when: 'before' } },
      }));
      const ids = await stage.system.simulator.armFault(...down);
      stage.note('no look-ups', { rules: ids.length });
      await stage.system.simulator.armFault(
        ...lostReplies('orders.execute', 0.4),
        ...lostRequests('orders.execute', 0.2),
      );
      await stage.sleep((stage.isQuick ? 200_000 : 600_000) / stage.timeScale);
      const unknown = await stage.system.db`
        select 1 from transactions where unknown_since is not null and closed_at is null`;
      stage.struck(unknown.length > 0, 'after ten minutes without look-ups nothing was unresolved');
      if (!stage.isQuick) await expectAlert();
      await disarm(stage, 0);
    },
  },
  {
    id: 'F23',
    title: 'half of all calls are answered 429, with and without Retry-After',
    atRisk: ['I13', 'I2'],
    // Nobody asks for anything while a silence lasts: it takes long to meet many.
    load: { windowMs: 40_000, expiresInMs: [25_000, 40_000] },
    run: (stage) =>
      under(stage, [
        { match: { probability: 0.1, times: 'always' }, action: { rateLimited: { retryAfterSeconds: 1 } } },
        { match: { probability: 0.1, times: 'always' }, action: { rateLimited: { retryAfterSeconds: 3 } } },
        { match: { probability: 0.1, times: 'always' }, action: { rateLimited: { retryAfterSeconds: 6 } } },
        { match: { probability: 0.2, times: 'always' }, action: { rateLimited: { retryAfterSeconds: null } } },
      ]),
  },
  {
    id: 'F24',
    title: 'quotes are slow and short-lived: options expire between check and use',
    atRisk: ['I3', 'I4'],
    load: { kinds: { at_once: 40 } },
    async run(stage) {
      const { simulator } = stage.system;
      const afterSeq = await lastSeq(stage.system);
      await simulator.setKnobs({ quoteTtlMs: 45_000 });
      const lateBy = (arrivalMs: [number, number]): FaultRuleInput => ({
        match: { operation: 'orders.create', probability: 0.4, times: 'always' },
        action: { delay: { arrivalMs } },
      });
      const hasExpired = async () => {
        const answers = await simulator.ledger({ afterSeq, event: 'request.answered' });
        return answers.some((fact) => 'code' in fact && fact.code === 'QUOTE_EXPIRED');
      };
      const slowQuotes: FaultRuleInput = {
        match: { operation: 'quotes.create', probability: 0.5, times: 'always' },
        action: { delay: { afterMs: [0, 20_000 / stage.timeScale] } },
      };
      // Many come too late for their option, and none later than the margin before the expiry allows for.
      const rules = [slowQuotes, lateBy([3_000, 4_000]), lateBy([0, 3_000])];
      await under(stage, rules, { isMet: hasExpired });
      await simulator.setKnobs({ quoteTtlMs: 300_000 });
      stage.struck(await hasExpired(), 'no option expired between its check and its use');
    },
  },
  {
    id: 'F25',
    title: 'every tenth call is refused by a code of its operation',
    atRisk: ['I2', 'I1'],
    run: (stage) =>
      under(stage, [
        problem('orders.create', 'QUOTE_EXPIRED', 0.1),
        problem('orders.create', 'QUOTE_ALREADY_USED', 0.1),
        problem('quotes.create', 'RATE_UNAVAILABLE', 0.1),
        problem('orders.execute', 'INSUFFICIENT_FUNDS', 0.1),
      ]),
  },
  {
    id: 'F26',
    title: 'orders are locked worse than their option was quoted',
    atRisk: ['I3'],
    // Many have nothing to spare: to those the least is too much.
    load: { kinds: { exact: 60 } },
    async run(stage) {
      // By so little that only an exact comparison sees it, and far off.
      const rules = [1, 30, 300].map((bps) => ({
        match: { operation: 'orders.create' as const, probability: 0.25, times: 'always' as const },
        action: { worseLock: { bps } },
      }));
      const isMissedByAHair = async () => {
        const ids = stage.placed().map(({ orderId }) => orderId);
        const missed = await stage.system.db`
          select 1 from orders o join transactions t using (order_id)
          where order_id = any(${ids}::uuid[]) and o.direction = '>=' and t.locked_recipient < o.target_rate * t.locked_debit
            and t.locked_recipient >= o.target_rate * t.locked_debit * ${1 - HAIR}::numeric`;
        return missed.length > 0;
      };
      await under(stage, rules, { isMet: isMissedByAHair });
      stage.struck(await isMissedByAHair(), 'no order was locked a hair under its target');
    },
  },
  {
    id: 'F38',
    title: 'requests reach Conduit, replies do not reach us',
    atRisk: ['I1'],
    async run({ system, during, sleep, timeScale, struck }) {
      const link = 'workers>conduit';
      let moved = 0;
      for (let round = 0; round < 3; round += 1) {
        await sleep(2_500);
        const afterSeq = await lastSeq(system);
        await during(
          'replies are lost',
          40_000 / timeScale,
          () => system.network.poison(link, { type: 'timeout', stream: 'downstream', timeout: 0 }),
          () => system.network.heal(link),
        );
        moved += (await system.simulator.ledger({ afterSeq, event: ['order.created', 'order.claimed'] })).length;
      }
      struck(moved > 0, 'no create and no execute took effect while its reply was lost');
    },
  },
];
