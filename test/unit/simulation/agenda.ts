import type { Instant } from '../../../src/domain/order.ts';

export interface Task {
  readonly at: Instant;
  run: (() => void) | null;
}

/** Virtual time: what is going to happen, in order. Equal times happen in the order they were planned in. */
export class Agenda {
  now: Instant;
  /** How many tasks were run: a history that never comes to rest is noticed by it. */
  ran = 0;
  /** The next one stands last. There are never many, so inserting is cheaper than a heap. */
  readonly #tasks: Task[] = [];

  constructor(now: Instant) {
    this.now = now;
  }

  after(ms: number, run: () => void): Task {
    return this.at(this.now + ms, run);
  }

  at(at: Instant, run: () => void): Task {
    const task: Task = { at: Math.max(at, this.now), run };
    let place = this.#tasks.length;
    while (place > 0 && (this.#tasks[place - 1]?.at ?? 0) <= task.at) place -= 1;
    this.#tasks.splice(place, 0, task);
    return task;
  }

  drop(task: Task | null): void {
    if (task) task.run = null;
  }

  /** Lets everything happen that is due until then; when `isOver`, time stands still. */
  runUntil(until: Instant, isOver: () => boolean = () => false): void {
    for (;;) {
      if (isOver()) return;
      const task = this.#tasks.at(-1);
      if (!task || task.at > until) break;
      this.#tasks.pop();
      if (!task.run) continue;
      this.now = Math.max(this.now, task.at);
      this.ran += 1;
      task.run();
    }
    this.now = Math.max(this.now, until);
  }
}
