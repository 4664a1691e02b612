import type { Errand, Step } from '../../../src/activities/interface.ts';
import type { Task } from './agenda.ts';
import { advance, carryOut } from './errands.ts';
import { cancelOrder } from './records.ts';
import type { News, World } from './world.ts';

/** As long as Temporal gives them: a record, a send, a read. */
const RECORD_MS = 2_000;
const SEND_MS = 20_000;
const READ_MS = 30_000;
/** A worker that does not answer loses its workflow task after this. */
const TASK_MS = 10_000;
const REST_MS = 1_000;
const MIN_WAIT_MS = 100;
const WITHOUT_EFFECT = new Set(['refused', 'superseded', 'throttled', 'busy', 'failed', 'gate_closed', 'elsewhere']);

/** The order's workflow in small, by the same loop as `src/workflows/order.ts`; test/workflow/simulation has the real one. */
export class Run {
  isEnded = false;
  readonly #world: World;
  readonly #underWay = { send: false, read: false };
  #isAny = false;
  #isRateCrossed = false;
  #isCancelRequested = false;
  #isLookWanted = false;
  #isFirst = true;
  /** Counts the records that were begun: one that comes after it was given up is not listened to. */
  #turn = 0;
  #isAdvancing = false;
  #wake: Task | null = null;
  #watchdog: Task | null = null;

  constructor(world: World) {
    this.#world = world;
  }

  tell(news: News): void {
    if (this.isEnded) return;
    this.#isAny = true;
    if (news === 'rateCrossed') this.#isRateCrossed = true;
    if (news === 'cancelRequested') this.#isCancelRequested = true;
    if (!this.#isAdvancing) this.begin();
  }

  /** The run is gone: nothing listens to its activities any more. */
  end(): void {
    this.isEnded = true;
    this.#turn += 1;
    this.#world.agenda.drop(this.#wake);
    this.#world.agenda.drop(this.#watchdog);
  }

  /** Another worker takes the run over. */
  onDeath(): void {
    if (this.isEnded || !this.#isAdvancing) return;
    this.#giveUpAfter(TASK_MS);
  }

  /** One round: bring the records up to date, start what comes next, wait. */
  begin(): void {
    const { agenda } = this.#world;
    agenda.drop(this.#wake);
    this.#isLookWanted ||= this.#isRateCrossed;
    this.#isAny = this.#isRateCrossed = false;
    if (this.#isCancelRequested) {
      this.#isCancelRequested = false;
      cancelOrder(this.#world);
    }
    this.#turn += 1;
    const turn = this.#turn;
    this.#isAdvancing = true;
    this.#giveUpAfter(RECORD_MS);
    this.#world.drive(advance(this.#world, { isLookWanted: this.#isLookWanted, isFirst: this.#isFirst }), (step) => {
      if (turn === this.#turn) this.#follow(step);
    });
  }

  /** A record that hangs is begun again; what hangs may still come to its end. */
  #giveUpAfter(ms: number): void {
    const { agenda } = this.#world;
    agenda.drop(this.#watchdog);
    this.#watchdog = agenda.after(ms, () => this.begin());
  }

  #follow(step: Step): void {
    const { agenda } = this.#world;
    agenda.drop(this.#watchdog);
    this.#isAdvancing = false;
    this.#isFirst = false;
    const { next } = step;
    if (next.kind === 'done') {
      this.end();
      return;
    }
    const errand = next.kind === 'sleep' ? null : next;
    const isBusy = errand !== null && this.#underWay[laneOf(errand)];
    this.#isLookWanted &&= isBusy ? next.kind === 'look' : next.kind === 'sleep' && next.waitingFor === 'gate';
    if (errand && !isBusy) this.#start(errand, step);
    this.#wake = agenda.after(this.#isAny ? 0 : Math.max(MIN_WAIT_MS, step.wakeInMs), () => this.begin());
  }

  #start(errand: Errand, step: Step): void {
    const lane = laneOf(errand);
    this.#underWay[lane] = true;
    let isOver = false;
    const over = (result: string) => {
      if (isOver) return;
      isOver = true;
      this.#underWay[lane] = false;
      if (this.isEnded) return;
      this.#isAny = true;
      if (errand.kind === 'look' && !errand.isOwn && result === 'gate_closed') this.#isRateCrossed = true;
      if (!this.#isAdvancing) this.begin();
    };
    const { agenda } = this.#world;
    const timeout = agenda.after(lane === 'send' ? SEND_MS : READ_MS, () => over('failed'));
    this.#world.drive(carryOut(this.#world, errand, step.seen), ({ result }) => {
      agenda.drop(timeout);
      if (WITHOUT_EFFECT.has(result)) agenda.after(REST_MS, () => over(result));
      else over(result);
    });
  }
}

function laneOf(errand: Errand): 'send' | 'read' {
  return errand.kind === 'look' || errand.kind === 'look_up' ? 'read' : 'send';
}
