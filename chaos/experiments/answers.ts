// Conduit contradicts itself: in what it shows, in how executions end, in its clock and its signatures.
import type { FaultRuleInput } from '../../simulator/faults/rules.ts';
import type { Experiment } from './experiment.ts';
import { listenFor } from './processes.ts';
import { lostReplies, under } from './provider.ts';
import { lastSeq } from './rest.ts';

type Action = FaultRuleInput['action'];

const LISTS = ['orders.list'] as const;
const READS = ['orders.get', 'orders.list'] as const;

/** For so long the provider's former secret signs beside a new one. */
const GRACE_MS = 20_000;
/** So far off that people are told, and not so far that everything is paused. */
const TOLD_SKEW_MS = 2_800;

const often = (
  operation: NonNullable<FaultRuleInput['match']>['operation'],
  probability: number,
  action: Action,
): FaultRuleInput => ({ match: { operation, probability, times: 'always' }, action });

export const ANSWER_EXPERIMENTS: readonly Experiment[] = [
  {
    id: 'F46',
    title: 'replies are lost, and look-ups lag, are old, find nothing, or ignore what was asked for',
    atRisk: ['I1', 'I7'],
    async run(stage) {
      await under(stage, [
        ...lostReplies('orders.create', 0.6),
        ...lostReplies('orders.execute', 0.6),
        often([...READS], 0.2, { lookup: { lagMs: 4_000 } }),
        often([...READS], 0.2, { lookup: { staleMs: 3_000 } }),
        often([...READS], 0.15, { lookup: { absent: true } }),
        often([...LISTS], 0.5, { lookup: { ignoreFilter: true } }),
      ]);
    },
  },
  {
    id: 'F47',
    title: 'executions fail, with and without money moved; claims stay open past their expiry',
    atRisk: ['I1', 'I2', 'I7'],
    async run(stage) {
      const failing = (code: string, ...transactions: ('completed' | 'failed' | 'processing' | 'cancelled')[]) =>
        ({ settlement: { failure: { code, transactions } } }) satisfies Action;
      /** One more transaction is shown a moment later, well before it is read again. */
      const later = (...transactions: 'failed'[]) =>
        ({
          settlement: {
            failure: { code: 'provider_unavailable', transactions, appears: { status: 'completed', afterMs: 1_000 } },
          },
        }) satisfies Action;
      const ways = [
        often('orders.execute', 0.1, later()),
        often('orders.execute', 0.1, later('failed')),
        often('orders.execute', 0.12, failing('provider_unavailable', 'completed')),
        often('orders.execute', 0.12, failing('provider_unavailable', 'failed')),
        often('orders.execute', 0.12, failing('insufficient_funds')),
        often('orders.execute', 0.12, failing('cancelled', 'cancelled', 'failed')),
        often('orders.execute', 0.12, failing('compliance_hold', 'failed')),
        often('orders.execute', 0.25, { settlement: { held: true } }),
      ];
      await under(stage, ways);
    },
  },
  {
    id: 'F48',
    title: 'Conduit shows a second order under the reference of the first',
    atRisk: ['I1', 'I7'],
    async run(stage) {
      const { simulator } = stage.system;
      const afterSeq = await lastSeq(stage.system);
      // The first twin stops everything: few creates come to lose their replies.
      await under(
        stage,
        [
          ...lostReplies('orders.create', 0.6),
          { match: { operation: 'orders.list', times: 6 }, action: { lookup: { twins: { state: 'pending' } } } },
        ],
        { atLeast: 0 },
      );
      const facts = await simulator.ledger({ afterSeq });
      stage.struck(
        facts.some((fact) => 'twinOf' in fact && fact.twinOf !== undefined),
        'no order was given a twin',
      );
    },
  },
  {
    id: 'F49',
    title: "Conduit's clock drifts away, and the secret of its webhooks is rotated",
    atRisk: ['I4', 'I15'],
    async run(stage) {
      const { system, timeScale, windowMs, sleep, note, during, struck, expect } = stage;
      await sleep(windowMs / 4);
      await system.simulator.setKnobs({ rotationGraceMs: GRACE_MS });
      await system.rotateWebhookSecret();
      const graceEndsAt = Date.now() + GRACE_MS / timeScale;
      note('the secret is rotated');
      await sleep(1_000);
      // The former one is still good; now the api learns the new one.
      await system.fleet.terminate('api');
      await system.fleet.start('api');
      await system.fleet.untilReady(['api']);
      // From here on the new one alone signs.
      await sleep(Math.max(0, graceEndsAt + 100 - Date.now()));
      const sent = await system.simulator.sendWebhook({ type: 'order.succeeded', data: {} });
      const status = 'status' in sent ? sent.status : null;
      expect(
        status !== null && status < 300,
        'I15',
        `signed by the new secret alone, a webhook was answered ${status}`,
      );
      // The orders that the crossing meets have some time: with a clock so far off no quote looks fresh.
      await sleep(windowMs * 0.4);
      const expectAlert = await listenFor(stage, 'clock_skew');
      await system.simulator.setKnobs({ dateSkewMs: TOLD_SKEW_MS });
      note('the clock is off', { ms: TOLD_SKEW_MS });
      await sleep(windowMs / 4);
      await expectAlert();
      await during(
        'the clock is too far off',
        windowMs / 2 + 3_000,
        () => system.simulator.setKnobs({ dateSkewMs: -5_000 }),
        async () => {
          const paused = await system.db`select 1 from pauses where scope = 'all'`;
          struck(paused.length > 0, 'a clock more than three seconds off paused nothing');
          await system.simulator.setKnobs({ dateSkewMs: 0 });
        },
      );
    },
  },
];
