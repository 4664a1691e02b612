import type { AttemptStatus, Observed } from '../../../src/domain/attempt.ts';
import type { OrderStatus } from '../../../src/domain/order.ts';

/**
 * Time is three phases: before the fence (`expires_at` less the send margin), between fence and `expires_at`, and after it.
 * Pauses and accounts change once, which is enough to meet every state with and without them.
 */
export interface OrderState {
  readonly status: OrderStatus;
  readonly phase: 0 | 1 | 2;
  readonly isCancelRefused: boolean;
  /** What the customer was told, which the row must never contradict. */
  readonly wasToldTooLate: boolean;
  readonly pause: 'never' | 'on' | 'lifted';
  readonly areAccountsActive: boolean;
}

/**
 * Where one physical send is, and what its row says. `held`: permitted, the bytes have not left. `away`: on its way. `ok_back`,
 * `no_back`, `gone_back`: Conduit has answered, the reply is on its way. `lost`: no reply will ever be stored that proves anything.
 * The others are stored replies; `gone` is a create refused because its quote is gone.
 */
export type SendMark =
  | 'held'
  | 'away'
  | 'ok_back'
  | 'no_back'
  | 'gone_back'
  | 'lost'
  | 'accepted'
  | 'refused'
  | 'gone'
  | 'unsent';

export interface SendState {
  readonly key: number;
  readonly mark: SendMark;
}

/** `failed_quietly`: reads failed without linked transactions at first, though one that completes is yet to appear. */
export type ConduitState =
  | 'none'
  | 'pending'
  | 'claimed'
  | 'succeeded'
  | 'failed'
  | 'failed_otherwise'
  | 'failed_quietly'
  | 'expired'
  | 'cancelled'
  | 'cancelled_by_other';

/** What our row says of the end of Conduit's order. `none_linked`: failed, and no linked transaction was there to be read. */
export type EndState = ConduitState | 'none_linked' | 'partial';

/**
 * The newest look-up as far as the rules heed it. `absent`: begun long enough after the last send. `pending`: begun after every
 * send; `old_pending`: a send left since.
 */
export type LookupState = 'none' | 'absent' | 'pending' | 'old_pending';

/** One attempt: our row, its sends, and Conduit's order of its reference with the messages between. */
export interface AttemptState {
  readonly status: AttemptStatus | 'unborn';
  readonly closedBy: 'fence' | 'reading' | null;
  readonly hasId: boolean;
  /** Facts of the event table, each recorded once: `created:g<n>` and `claimed:g<n>`. */
  readonly isCreatedRecorded: boolean;
  readonly isClaimRecorded: boolean;
  readonly observed: Observed | null;
  readonly end: EndState | null;
  readonly lookup: LookupState;
  readonly creates: readonly SendState[];
  readonly executes: readonly SendState[];
  /** `old`: past the resend window; `gone`: the quote option is over as well. */
  readonly createKey: 'young' | 'old' | 'gone';
  readonly executeKey: 'young' | 'old';
  readonly isLockOver: boolean;
  readonly hasCancelSend: boolean;
  readonly isOrphan: boolean;
  readonly conduit: ConduitState;
  readonly claimedByKey: number;
  /** Conduit may have forgotten the create's key when it was used again. */
  readonly isKeyForgotten: boolean;
  readonly hasTwin: boolean;
  readonly isCancelAway: boolean;
  /** An execute on its way that has no row of its own: only where that rule is dropped. */
  readonly isGhostAway: boolean;
}

export const FIRST_ORDER: OrderState = {
  status: 'watching',
  phase: 0,
  isCancelRefused: false,
  wasToldTooLate: false,
  pause: 'never',
  areAccountsActive: true,
};

export const UNBORN: AttemptState = {
  status: 'unborn',
  closedBy: null,
  hasId: false,
  isCreatedRecorded: false,
  isClaimRecorded: false,
  observed: null,
  end: null,
  lookup: 'none',
  creates: [],
  executes: [],
  createKey: 'young',
  executeKey: 'young',
  isLockOver: false,
  hasCancelSend: false,
  isOrphan: false,
  conduit: 'none',
  claimedByKey: 0,
  isKeyForgotten: false,
  hasTwin: false,
  isCancelAway: false,
  isGhostAway: false,
};

export function isLive({ status }: AttemptState): boolean {
  return status === 'prepared' || status === 'created' || status === 'executing';
}

/** Whether nothing is known of the send's effect, as the row has it: also while it is still on its way. */
export function isUnresolvedMark(mark: SendMark): boolean {
  return mark !== 'accepted' && mark !== 'refused' && mark !== 'gone' && mark !== 'unsent';
}

/** Whether the send may have had, or may still have, an effect: it was not refused by its own reply. */
export function mayHaveEffect({ mark }: SendState): boolean {
  return isUnresolvedMark(mark) || mark === 'accepted';
}

/** Whether the send's bytes may still reach Conduit. */
export function mayArrive({ mark }: SendState): boolean {
  return mark === 'held' || mark === 'away';
}
