import { type Instant, isTerminalOrder } from '../../../src/domain/order.ts';
import { dueAt, perform } from '../../unit/simulation/deeds.ts';
import type { Deed, History } from '../../unit/simulation/history.ts';
import { follow, heal, REST_MS, readableAt, wellFrom } from '../../unit/simulation/rest.ts';
import { type News, World, type WorldOptions } from '../../unit/simulation/world.ts';

/** What a timeline has to do next: whom to tell what, and how long to wait. */
export interface Answer {
  readonly news: readonly News[];
  /** `poke`: until something happens that it must tell. */
  readonly waitMs: number | 'poke' | 'over';
}

/** One history, and by which rules it is played; `sought` as in a world. */
export interface Part extends Pick<WorldOptions, 'rules' | 'sought'> {
  readonly history: History;
}

/** One history with its world, played by the clock of the test server. */
export class Play {
  readonly world: World;
  readonly trace: string[] = [];
  crashes = 0;
  #next = 0;
  #dueAt: Instant;
  /** Infinite until then: nothing is late while something is broken. */
  #healedAt: Instant = Number.POSITIVE_INFINITY;
  #endedAt: Instant | null = null;
  #isEndTold = false;
  #news: News[] = [];
  /** Until when the timeline sleeps; null while it waits to be poked. */
  #sleepsUntil: Instant | null = null;

  constructor({ history, ...part }: Part, orderId: string, startAt: Instant) {
    const tell = (news: News) => void this.#news.push(news);
    this.world = new World(history, { ...part, orderId, startAt, isInstant: true, tell, trace: this.trace });
    this.#dueAt = startAt;
    this.#dueAt = this.#dueNext();
  }

  #dueNext(): Instant {
    const command = this.world.history.commands[this.#next];
    return command ? dueAt(this.world, command.when) : this.world.now;
  }

  until(now: Instant): void {
    this.world.agenda.runUntil(now);
    if (this.#endedAt === null && isTerminalOrder(this.world.tables.order.status)) this.#endedAt = this.world.now;
  }

  /** What is due now is done; then what the timeline must know. */
  answer(): Answer {
    const { commands } = this.world.history;
    for (let command = commands[this.#next]; command; command = commands[this.#next]) {
      if (this.#dueAt > this.world.now) break;
      this.#do(command.deed);
      this.#next += 1;
      this.#dueAt = this.#dueNext();
    }
    if (this.#next >= commands.length && this.#healedAt === Number.POSITIVE_INFINITY) this.#healedAt = heal(this.world);

    this.until(this.world.now);
    const news = this.#news;
    this.#news = [];
    return { news, waitMs: this.#waitMs() };
  }

  #do(deed: Deed): void {
    switch (deed.kind) {
      // The test server never lets time pass again once a run was terminated in the midst of a task; the chaos program does that.
      case 'run_ends':
      // There is one worker here, and its process goes on: what it is about to do fails.
      case 'worker_dies':
        this.world.addMishap('record', null);
        return;
      case 'operator_cancels':
        // By the signal: after a cancellation of Temporal's own the test server lets no time pass any more.
        // test/workflow/order.test.ts cancels so in every state, and the chaos program at random.
        this.#news.push('cancelRequested');
        return;
      default:
        perform(this.world, deed);
    }
  }

  #isOver(): boolean {
    return isTerminalOrder(this.world.tables.order.status);
  }

  #waitMs(): Answer['waitMs'] {
    if (this.#isOver()) return 'over';
    const wakes = [
      ...(this.#next < this.world.history.commands.length ? [this.#dueAt] : []),
      ...(this.world.tickAt === null ? [] : [this.world.tickAt]),
    ];
    this.#sleepsUntil = wakes.length > 0 ? Math.min(...wakes) : null;
    return this.#sleepsUntil === null ? 'poke' : this.#sleepsUntil - this.world.now;
  }

  /** Whether the timeline sleeps too long for what has happened since. */
  takePoke(): boolean {
    this.until(this.world.now);
    const { tickAt } = this.world;
    const isTickSooner = tickAt !== null && (this.#sleepsUntil === null || tickAt < this.#sleepsUntil);
    const isOver = this.#isOver() && !this.#isEndTold;
    if (isOver) this.#isEndTold = true;
    if (isTickSooner) this.#sleepsUntil = tickAt;
    return isTickSooner || isOver || this.#news.length > 0;
  }

  /** After the run has ended: what closed attempts left at Conduit is followed to its end, and L2 is asked. */
  finish(): string | null {
    const { world } = this;
    if (this.#endedAt === null) world.laws.broken(`L2: still ${world.tables.order.status} when its run has ended`);
    else if (this.#endedAt > this.#latestEnd()) world.laws.broken('L2: ended too late');
    follow(world);
    return world.laws.breach;
  }

  #latestEnd(): Instant {
    const { world } = this;
    return Math.max(world.tables.order.expiresAt, wellFrom(world, this.#healedAt), readableAt(world)) + REST_MS;
  }
}
