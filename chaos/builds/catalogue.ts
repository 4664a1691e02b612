import { SetupError } from '../../stack/errors.ts';
import type { Build, BuildName, Recipe } from './build.ts';
import { CONDUCT_BUILDS } from './conduct-builds.ts';
import { TRANSFER_BUILDS } from './transfer-builds.ts';

const BUILDS: Readonly<Record<BuildName, Recipe>> = { ...TRANSFER_BUILDS, ...CONDUCT_BUILDS };

export function allBuilds(): Build[] {
  return Object.keys(BUILDS).map(buildOf);
}

/** Throws a `SetupError` when there is no such build. */
export function buildOf(name: string): Build {
  const build = Object.entries(BUILDS).find(([known]) => known === name);
  if (!build) throw new SetupError(`there is no build ${name}; there are ${Object.keys(BUILDS).join(', ')}`);
  return { name: name as BuildName, ...build[1] };
}
