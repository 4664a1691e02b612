import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The checkout. */
export const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

/** Everything that the local services leave behind: tools, data, logs, addresses. Ignored by git, safe to delete. */
export const LOCAL_DIR = join(ROOT, '.local');

export const TOOLS_DIR = join(LOCAL_DIR, 'tools');
export const DATA_DIR = join(LOCAL_DIR, 'data');
export const LOGS_DIR = join(LOCAL_DIR, 'logs');

/** Addresses and secret of the running stack, in the form that `node --env-file` reads. */
export const STACK_ENV_FILE = join(LOCAL_DIR, 'stack.env');
