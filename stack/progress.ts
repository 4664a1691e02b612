/** One line per step with its duration. Lines are only ever appended, so that a CI log reads like a terminal. */
export type Progress = {
  /** Runs the work and prints its line when it is over; the work returns the line's last column. */
  step<T>(title: string, work: () => Promise<T>, detail?: (result: T) => string): Promise<T>;
  line(text: string): void;
};

// A step that takes longer than this is announced before it ends, or a download looks like a hang.
const ANNOUNCE_AFTER_MS = 2_000;
const TITLE_WIDTH = 30;

export function createProgress(options: { quiet?: boolean } = {}): Progress {
  const line = (text: string): void => {
    if (!options.quiet) process.stdout.write(`${text}\n`);
  };

  return {
    line,
    async step(title, work, detail) {
      const startedAt = performance.now();
      const announce = setTimeout(() => line(`  … ${title}`), ANNOUNCE_AFTER_MS);
      const finish = (mark: string, text: string): void => {
        clearTimeout(announce);
        line(`  ${mark} ${title.padEnd(TITLE_WIDTH)} ${seconds(startedAt).padStart(7)}  ${text}`.trimEnd());
      };
      try {
        const result = await work();
        finish('✓', detail?.(result) ?? '');
        return result;
      } catch (error) {
        finish('✗', '');
        throw error;
      }
    },
  };
}

/** The time since `startedAt` (of `performance.now()`) as a reader wants it: `1.2 s`. */
export function seconds(startedAt: number): string {
  return `${((performance.now() - startedAt) / 1_000).toFixed(1)} s`;
}

/**
 * When the command was called, on the clock of `performance.now()`: before the packages were installed, where they had to be.
 * Without the bootstrap it is the start of this process.
 */
export function calledAt(): number {
  const calledAtMs = Number(process.env['STACK_CALLED_AT_MS'] ?? Number.NaN);
  return Number.isFinite(calledAtMs) ? calledAtMs - performance.timeOrigin : 0;
}
