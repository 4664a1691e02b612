/** Nobody waited longer: what was begun may still end, and have its effect. */
export class DeadlinePassed extends Error {
  override readonly name = 'DeadlinePassed';
}

/** The work's own end, or {@link DeadlinePassed} when that takes longer. */
export async function withDeadline<T>(work: Promise<T>, deadlineMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new DeadlinePassed(`not done after ${deadlineMs} ms`)), deadlineMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
