import { type Logger, pino } from 'pino';

export type Log = Pick<Logger, 'debug' | 'info' | 'warn' | 'error'>;

/** JSON lines on standard output. Nothing that is logged here ever holds a header, a key or a secret. */
export function createLog(level: string): Log {
  return pino({ level, base: { service: 'simulator' } });
}
