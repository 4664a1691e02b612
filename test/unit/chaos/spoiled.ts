import { expect, test } from '@jest/globals';
import { CANCELLED, cleanFolder, EXECUTED, EXPIRED, TOO_LATE } from './clean-folder.ts';
import { type Folder, judged } from './folder.ts';

const NAMES: Readonly<Record<string, string>> = {
  [EXECUTED]: 'executed',
  [CANCELLED]: 'cancelled',
  [TOO_LATE]: 'too_late',
  [EXPIRED]: 'expired',
};

/** `<law> <which order>: <what was found>`; `-` where it is of no order. */
function found(folder: Folder): string[] {
  return judged(folder).violations.map(
    ({ invariant, orderId, text }) => `${invariant} ${NAMES[orderId ?? ''] ?? '-'}: ${text}`,
  );
}

/** What is wrong, how a clean folder is spoiled for it, and what exactly is then found: all of it, and nothing else. */
export type Case = readonly [what: string, spoil: (folder: Folder) => unknown, ...findings: RegExp[]];

export function each(cases: readonly Case[], make: () => Folder = cleanFolder): void {
  for (const [what, spoil, ...findings] of cases)
    test(what, () => {
      const folder = make();
      spoil(folder);
      expect(found(folder)).toEqual(findings.map((finding) => expect.stringMatching(finding)));
    });
}
