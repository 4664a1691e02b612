import { readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Mutation } from './build.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** The file with its pieces replaced. Throws where one is not there exactly once. */
export function mutated(source: string, mutations: readonly Mutation[]): string {
  return mutations.reduce((text, mutation) => {
    const count = text.split(mutation.text).length - 1;
    if (count !== 1)
      throw new Error(`${mutation.file} holds ${count} times what the build replaces:\n${mutation.text}`);
    // As a function, so that nothing in it is taken for a pattern.
    return text.replace(mutation.text, () => mutation.by);
  }, source);
}

/** The sources that a build changes, by their URL, changed. Throws where one no longer has the text. */
export function sourcesOf(mutations: readonly Mutation[]): Map<string, string> {
  const files = [...new Set(mutations.map(({ file }) => file))];
  return new Map(
    files.map((file) => {
      const path = join(ROOT, file);
      const ours = mutations.filter((mutation) => mutation.file === file);
      return [pathToFileURL(path).href, mutated(readFileSync(path, 'utf8'), ours)];
    }),
  );
}

/** From here on these modules load changed. To be called before the first of them is imported. */
export function installMutations(mutations: readonly Mutation[]): void {
  const sources = sourcesOf(mutations);
  registerHooks({
    load(url, context, nextLoad) {
      const loaded = nextLoad(url, context);
      const source = sources.get(url);
      return source === undefined ? loaded : { ...loaded, source };
    },
  });
}
