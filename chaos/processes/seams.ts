import type { Seam } from '../system/desk.ts';

/** Who this process is, and where it asks at its seams. */
const { CHAOS_PROCESS: PROCESS = 'unnamed', CHAOS_DESK: DESK = '' } = process.env;

/** A strike may hold us for as long as a freeze lasts, and no longer than any experiment. */
const PATIENCE_MS = 60_000;

/**
 * Tells the desk that this process is at a seam, and waits for its word. The desk may kill or freeze us meanwhile. A desk that is gone
 * strikes nobody.
 */
export async function pass(seam: Seam, about: Readonly<Record<string, string>> = {}): Promise<void> {
  try {
    const reply = await fetch(DESK, {
      method: 'POST',
      body: JSON.stringify({ seam, process: PROCESS, about }),
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    await reply.arrayBuffer();
  } catch {
    // The run is over, or nobody watches: then there is no seam.
  }
}
