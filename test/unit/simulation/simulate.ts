import { type Instant, isTerminalOrder, type OrderStatus } from '../../../src/domain/order.ts';
import { dueAt, perform } from './deeds.ts';
import type { History } from './history.ts';
import { DEADLINE_MS } from './network.ts';
import { follow, heal, oldFailureEndsBy, REST_MS, readableAt, wellFrom } from './rest.ts';
import { PROTOCOL } from './rules.ts';
import { Run } from './run.ts';
import { liveAttempt } from './tables.ts';
import { isClaimed } from './their-orders.ts';
import { World, type WorldOptions } from './world.ts';

/** More than any history needs; one that takes more turns in place. */
const MOST_TASKS = 30_000;

export interface Verdict {
  /** The first law that broke, or null. */
  readonly breach: string | null;
  readonly status: OrderStatus;
  readonly reason: string | null;
  readonly attempts: number;
  readonly tasks: number;
  readonly counts: World['counts'];
  readonly lateEffects: number;
  readonly lateExecutes: number;
  readonly wasTooLate: boolean;
}

export type SimulationOptions = Partial<Pick<WorldOptions, 'rules' | 'sought' | 'trace'>>;

const ORDER_ID = '0b1c2d3e-4f50-4a61-8b72-93a4b5c6d7e8';

/** One history from the order's creation to its end, with everything healed after the last command. */
export function simulate(history: History, options: SimulationOptions = {}): Verdict {
  const simulation = new Simulation(history, options);
  simulation.play();
  return simulation.verdict();
}

class Simulation {
  readonly #world: World;
  #run: Run;
  #runAt: Instant;

  constructor(history: History, options: SimulationOptions) {
    this.#world = new World(history, {
      rules: PROTOCOL,
      ...options,
      orderId: ORDER_ID,
      tell: (news) => this.#run.tell(news),
      onDeath: () => this.#run.onDeath(),
    });
    this.#run = new Run(this.#world);
    this.#runAt = this.#world.now;
  }

  play(): void {
    const { history } = this.#world;
    this.#run.begin();
    for (const { when, deed } of history.commands) {
      this.#until(dueAt(this.#world, when));
      if (this.#isOver()) return;
      if (deed.kind === 'run_ends') this.#replaceRun(deed.newAfterMs);
      else perform(this.#world, deed);
    }
    this.#rest();
  }

  #isOver(): boolean {
    return this.#world.laws.breach !== null || this.#world.agenda.ran > MOST_TASKS;
  }

  #until(at: Instant): void {
    this.#world.agenda.runUntil(at, () => this.#isOver());
  }

  #replaceRun(inMs: number): void {
    this.#run.end();
    const run = new Run(this.#world);
    // Until it is begun it hears nothing: the repair starts it with the row alone.
    run.isEnded = true;
    this.#run = run;
    this.#runAt = this.#world.now + inMs;
    this.#world.agenda.at(this.#runAt, () => {
      if (this.#run !== run) return;
      run.isEnded = false;
      run.begin();
    });
  }

  #rest(): void {
    const { tables, conduit, laws } = this.#world;
    const { order } = tables;
    const sinceHealing = heal(this.#world);
    this.#until(sinceHealing + DEADLINE_MS);
    const healedAt = Math.max(wellFrom(this.#world, sinceHealing), this.#runAt);
    this.#askForTheForgotten(healedAt);
    this.#until(Math.max(order.expiresAt, healedAt) + REST_MS);
    const isConduitsTurn = order.status === 'executing' && conduit.orders.some(isClaimed);
    if (!isConduitsTurn) this.#until(readableAt(this.#world) + REST_MS);
    if (!isConduitsTurn && order.status === 'executing') this.#until(oldFailureEndsBy(this.#world, healedAt));
    if (this.#isOver()) return;
    if (!isConduitsTurn && !isTerminalOrder(order.status))
      laws.broken(`L2: still ${order.status} long after expires_at`);
    for (const claimed of conduit.orders.filter(isClaimed)) conduit.end(claimed, { kind: 'succeeded' });
    this.#until(readableAt(this.#world) + REST_MS);
    if (!isTerminalOrder(order.status)) laws.broken(`L2: still ${order.status} long after Conduit's own end`);
    follow(this.#world, () => this.#isOver());
  }

  /** What was minted must be gone on with: once its fence has closed it, nobody can tell it from what was not met. */
  #askForTheForgotten(healedAt: number): void {
    const { tables, timing, laws } = this.#world;
    this.#until(tables.order.expiresAt - timing.sendMarginMs - 1);
    const attempt = liveAttempt(tables);
    if (attempt?.status !== 'prepared' || attempt.sends.length > 0) return;
    if (this.#world.now >= Math.max(attempt.createdAt, healedAt) + REST_MS)
      laws.broken('L2: an attempt is prepared, and nobody goes on with it');
  }

  verdict(): Verdict {
    const { laws, tables, agenda, counts } = this.#world;
    if (agenda.ran > MOST_TASKS) laws.broken('L2: the history never comes to rest');
    return {
      breach: laws.breach,
      status: tables.order.status,
      reason: tables.order.reason,
      attempts: tables.attempts.length,
      tasks: agenda.ran,
      counts,
      lateEffects: laws.lateEffects,
      lateExecutes: laws.lateExecutes,
      wasTooLate: tables.order.cancelRefusedAt !== null,
    };
  }
}
