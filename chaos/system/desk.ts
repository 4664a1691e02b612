import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A point at which a process can be struck; docs/chaos.md says what lies on either side of each. */
export const SEAMS = [
  'S1',
  'S2',
  'S3',
  'S4',
  'S5',
  'S6',
  'S7',
  'S8',
  'S9',
  'S10',
  'S11',
  'S12',
  'S13',
  'S15',
  'S16',
] as const;
export type Seam = (typeof SEAMS)[number];

/** A process that has come to a seam and waits there for our word. */
export interface Passing {
  readonly seam: Seam;
  readonly process: string;
  /** What the process knows of what it is doing: an order, a topic, an operation. */
  readonly about: Readonly<Record<string, string>>;
}

/** Decides what happens to a process at its seam; it goes on when the promise resolves. */
export type Strike = (passing: Passing) => Promise<void>;

export interface SeamDesk {
  readonly url: string;
  /** The next `times` passings that fit are struck, whichever process they come from. */
  arm(seam: Seam, strike: Strike, options?: { times?: number; fits?: (passing: Passing) => boolean }): void;
  disarm(): void;
  /** Throws what a strike since the last time has thrown: what it was to break may be whole. */
  assertStruck(): void;
  /** How often each seam was passed, struck or not. */
  passed(seam: Seam): number;
  close(): Promise<void>;
}

interface Armed {
  readonly strike: Strike;
  readonly fits: (passing: Passing) => boolean;
  left: number;
}

/** Where the processes of a run ask at each seam whether they may go on. A process that is killed meanwhile asks no more. */
export async function openDesk(): Promise<SeamDesk> {
  const armed = new Map<Seam, Armed>();
  const counts = new Map<Seam, number>();
  let failures: unknown[] = [];

  async function decide(passing: Passing): Promise<void> {
    counts.set(passing.seam, (counts.get(passing.seam) ?? 0) + 1);
    const plan = armed.get(passing.seam);
    if (!plan || plan.left === 0 || !plan.fits(passing)) return;
    plan.left -= 1;
    await plan.strike(passing);
  }

  const server = createServer((req, res) => {
    let body = '';
    req.on('data', (chunk) => {
      body += String(chunk);
    });
    req.on('end', () => {
      void decide(JSON.parse(body) as Passing)
        .catch((error: unknown) => failures.push(error))
        .finally(() => res.end('{}'));
    });
  });
  server.listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    arm: (seam, strike, { times = 1, fits = () => true } = {}) => void armed.set(seam, { strike, fits, left: times }),
    disarm: () => armed.clear(),
    assertStruck() {
      const [first, ...more] = failures;
      failures = [];
      if (first) throw new Error(`a strike at a seam failed, and ${more.length} more`, { cause: first });
    },
    passed: (seam) => counts.get(seam) ?? 0,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
