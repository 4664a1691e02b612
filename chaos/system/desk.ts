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
  'S17',
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
  /** The next `times` passings that fit are struck, whichever process they come from. Beside what is armed there already. */
  arm(seam: Seam, strike: Strike, options?: { times?: number; fits?: (passing: Passing) => boolean }): void;
  /** What is armed, and how many strikes of each are left. */
  armed(): readonly { readonly seam: Seam; readonly times: number; readonly left: number }[];
  disarm(): void;
  /** Waits for the strikes that are under way. Throws what one since the last time has thrown: what it was to break may be whole. */
  settled(): Promise<void>;
  close(): Promise<void>;
}

interface Armed {
  readonly strike: Strike;
  readonly fits: (passing: Passing) => boolean;
  readonly times: number;
  left: number;
}

/** Where the processes of a run ask at each seam whether they may go on. A process that is killed meanwhile asks no more. */
export async function openDesk(): Promise<SeamDesk> {
  const armed = new Map<Seam, Armed[]>();
  const underWay = new Set<Promise<void>>();
  let failures: unknown[] = [];

  async function decide(passing: Passing): Promise<void> {
    const plan = armed.get(passing.seam)?.find(({ left, fits }) => left > 0 && fits(passing));
    if (!plan) return;
    plan.left -= 1;
    const strike = plan.strike(passing).catch((error: unknown) => void failures.push(error));
    underWay.add(strike);
    await strike;
    underWay.delete(strike);
  }

  const server = createServer((req, res) => {
    let body = '';
    req.on('data', (chunk) => {
      body += String(chunk);
    });
    req.on('end', () => {
      void decide(JSON.parse(body) as Passing).finally(() => res.end('{}'));
    });
  });
  server.listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    arm(seam, strike, { times = 1, fits = () => true } = {}) {
      armed.set(seam, [...(armed.get(seam) ?? []), { strike, fits, times, left: times }]);
    },
    armed: () => [...armed].flatMap(([seam, plans]) => plans.map(({ times, left }) => ({ seam, times, left }))),
    disarm: () => armed.clear(),
    async settled() {
      await Promise.all(underWay);
      const [first, ...more] = failures;
      failures = [];
      if (first) throw new Error(`a strike at a seam failed, and ${more.length} more`, { cause: first });
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
