import { DROPS, type DropName } from '../../unit/simulation/drops.ts';
import { historyOf, type Kept, nameOf } from '../../unit/simulation/kept-form.ts';
import { KEPT } from '../../unit/simulation/regressions.ts';
import { PROTOCOL, without } from '../../unit/simulation/rules.ts';
import { simulate } from '../../unit/simulation/simulate.ts';
import type { Part } from './play.ts';

const IN_ITS_MIDST = 'the harm comes in the midst of an activity, and here an activity takes no time';
const ENDLESS = 'without the rule the order never ends, nor its run, nor would this test';

/** Rules that are not dropped here, and why: their histories are played here too, but by the protocol alone. */
const NOT_DROPPED: Partial<Record<DropName, string>> = {
  'a permit neither compares versions nor judges the row': IN_ITS_MIDST,
  'a permit never ages': IN_ITS_MIDST,
  'a late 202 opens a closed attempt again': IN_ITS_MIDST,
  'neither versions are compared nor a live attempt asked for': IN_ITS_MIDST,
  'a permit does not ask for pauses': IN_ITS_MIDST,
  'nobody tells a run of an attempt that was minted behind its back': IN_ITS_MIDST,
  'a weaker reading replaces a stronger one': ENDLESS,
  'nobody asks Conduit to end an order whose execute is unresolved': ENDLESS,
};

interface NamedPart extends Part {
  readonly name: string;
}

/** The kept histories as they are, but for those that would cost more than `mostTasks`. */
export function keptParts(mostTasks: number): readonly NamedPart[] {
  return KEPT.map((kept) => ({ name: nameOf(kept), history: historyOf(kept), rules: PROTOCOL })).filter(
    ({ history }) => simulate(history).tasks <= mostTasks,
  );
}

/** The kept histories without the rule that each shows the harm of. */
export function harmfulParts(): readonly NamedPart[] {
  return KEPT.flatMap((kept) => (isDropped(kept) ? [harmfulPart(kept)] : []));
}

type Harmful = Kept & { readonly without: DropName };

function isDropped(kept: Kept): kept is Harmful {
  return 'without' in kept && !(kept.without in NOT_DROPPED);
}

function harmfulPart(kept: Harmful): NamedPart {
  const { dropped, sought } = DROPS[kept.without];
  return { name: nameOf(kept), history: historyOf(kept), rules: without(...dropped), sought };
}
