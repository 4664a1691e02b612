import type { Scene } from '../scene.ts';
import { workerAway } from './away.ts';
import { cancelled } from './cancelled.ts';
import {
  continuedAfterItsErrand,
  continuedWhileExecuting,
  continuedWhileWaiting,
  watcherContinued,
} from './continued.ts';
import { ended } from './ended.ts';
import { executed } from './executed.ts';
import { databaseScene, repaired } from './repaired.ts';
import { repairs, watcherEnded } from './standing.ts';
import { unknown } from './unknown.ts';
import { waiting } from './waiting.ts';

/** Whoever plays the scenes stops and starts PostgreSQL; whoever only reads what they give needs none. */
export type Database = Parameters<typeof databaseScene>[0];

const NO_DATABASE: Database = {
  stop: () => Promise.reject(new Error('there is no database to stop')),
  start: () => Promise.reject(new Error('there is no database to start')),
};

/** Every scene; a new way that a run can go gets one here. */
export function allScenes(database: Database = NO_DATABASE): readonly Scene[] {
  return [
    ...executed,
    ...unknown,
    ...waiting,
    ...cancelled,
    ...ended,
    ...repaired,
    workerAway,
    watcherEnded,
    repairs,
    databaseScene(database),
    watcherContinued,
    continuedWhileWaiting,
    continuedWhileExecuting,
    continuedAfterItsErrand,
  ];
}
