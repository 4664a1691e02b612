import { ApplicationFailure, ApplicationFailureCategory } from '@temporalio/common';
import type { Activities } from '../../../src/activities/interface.ts';
import type { Instant } from '../../../src/domain/order.ts';
import { advance, carryOut } from '../../unit/simulation/errands.ts';
import { cancelOrder } from '../../unit/simulation/records.ts';
import { Crash, type Steps } from '../../unit/simulation/steps.ts';
import { type Answer, type Part, Play } from './play.ts';

type OrderActivities = Pick<
  Activities,
  | 'advanceOrder'
  | 'cancelOrderForOperator'
  | 'takeFirmLook'
  | 'sendCreate'
  | 'sendExecute'
  | 'sendCancel'
  | 'lookUpAttempt'
>;

/** The activities of the order's workflow, backed by the model of the simulation, and the one by which a timeline goes on. */
export interface Stage extends OrderActivities {
  play(orderId: string): Promise<Answer>;
}

interface StageDeps {
  /** The virtual clock of the test server. */
  readonly clock: () => Promise<Instant>;
  /** Wakes the order's timeline. */
  readonly poke: (orderId: string) => Promise<void>;
}

export function createStage({ clock, poke }: StageDeps) {
  const plays = new Map<string, Play>();
  let steps = 0;

  /** The world of an order, brought up to the clock. */
  async function find(orderId: string): Promise<Play> {
    const now = await clock();
    steps += 1;
    const play = plays.get(orderId);
    if (!play) throw new Error(`there is no order ${orderId}`);
    play.until(now);
    return play;
  }

  /** Takes one step in the world of an order, with nothing in between, and tells its timeline if that must know. */
  async function at<T>(orderId: string, act: (play: Play) => T): Promise<T> {
    const play = await find(orderId);
    try {
      return act(play);
    } catch (error) {
      if (!(error instanceof Crash)) throw error;
      play.crashes += 1;
      // Benign: hundreds of them are meant, and none is to be printed.
      throw ApplicationFailure.create({ message: error.message, category: ApplicationFailureCategory.BENIGN });
    } finally {
      if (play.takePoke()) await poke(orderId);
    }
  }

  const stage = {
    advanceOrder: (orderId, hints) => at(orderId, ({ world }) => atOnce(advance(world, hints))),
    cancelOrderForOperator: (orderId) => at(orderId, ({ world }) => cancelOrder(world)),
    takeFirmLook: (orderId, seen) =>
      at(orderId, ({ world }) => atOnce(carryOut(world, { kind: 'look', isOwn: false }, seen))),
    sendCreate: (orderId, seen) => at(orderId, ({ world }) => atOnce(carryOut(world, { kind: 'send_create' }, seen))),
    sendExecute: (orderId, seen, keyNumber) =>
      at(orderId, ({ world }) => atOnce(carryOut(world, { kind: 'send_execute', keyNumber }, seen))),
    sendCancel: (orderId, seen, keyNumber) =>
      at(orderId, ({ world }) => atOnce(carryOut(world, { kind: 'send_cancel', keyNumber }, seen))),
    lookUpAttempt: (orderId, seen) => at(orderId, ({ world }) => atOnce(carryOut(world, { kind: 'look_up' }, seen))),
    play: async (orderId) => (await find(orderId)).answer(),
  } satisfies Stage;

  async function open(orderId: string, part: Part): Promise<Play> {
    const play = new Play(part, orderId, await clock());
    plays.set(orderId, play);
    return play;
  }

  return { stage, open, /** How many steps were taken in all worlds: a sign of life. */ steps: () => steps };
}

/** An activity here takes no time of the virtual clock. A crash leaves the rest undone, and Temporal with a failed activity. */
function atOnce<T>(steps: Steps<T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}
