import type { Child } from '../child.ts';
import type { PortMode } from '../ports.ts';
import type { Progress } from '../progress.ts';

export type ServiceName = 'postgres' | 'redis' | 'temporal' | 'pubsub' | 'simulator';

/** What every service is started with. */
export type ServiceContext = {
  readonly dataDir: string;
  readonly logDir: string;
  readonly ports: PortMode;
  readonly progress: Progress;
  /** Divides the simulator's own times. */
  readonly timeScale: number;
  /** No fsync: for data that is thrown away after the run, never for a stack that somebody works with. */
  readonly throwAway: boolean;
};

/** A service that answers. */
export type Service = {
  readonly name: ServiceName;
  readonly title: string;
  /** Host and port, without credentials, for people. */
  readonly address: string;
  /** Its part of the configuration of api, bridge and worker. */
  readonly env: Readonly<Record<string, string>>;
  /** Starts it again on the same port and data. Absent when the service was given and is not ours to start or stop. */
  readonly launch?: () => Promise<Child>;
  /** The first process, already answering. */
  readonly child?: Child;
};
