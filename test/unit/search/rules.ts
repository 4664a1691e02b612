import type { ConduitState } from './state.ts';

/** Every rule that the search can drop, to see what it is for. All true is the protocol. */
export interface Rules {
  /** A change compares the versions that its plan was made from. */
  readonly compareAndSet: boolean;
  /** A record asks its proof again in its own transaction. */
  readonly proofUnderLock: boolean;
  /** A permit locks the rows and judges the states of order and attempt in its own transaction. */
  readonly permitJudgesRow: boolean;
  /** No permit from the fence on. */
  readonly permitHeedsFence: boolean;
  /** A permit too old when its bytes should leave sends nothing. */
  readonly permitAges: boolean;
  /** Only a send's own reply resolves it. */
  readonly ownReplyOnly: boolean;
  /** Each physical request has its own row. */
  readonly ownRowPerSend: boolean;
  /** A repeated send uses the key of the first. */
  readonly sameKeyAgain: boolean;
  /** A key older than the window is not used again: asked by the plan. */
  readonly planHeedsKeyAge: boolean;
  /** The same, asked by the permit. */
  readonly permitHeedsKeyAge: boolean;
  /** A permit for a new key asks that each send under another was refused by its own reply. */
  readonly permitHeedsOtherKeys: boolean;
  /** "Absent" proves nothing of an execute. */
  readonly absentIsNoProof: boolean;
  /** "Pending and unclaimed" proves nothing of an execute. */
  readonly pendingIsNoProof: boolean;
  /** A customer's cancel is refused while an execute may be on its way. */
  readonly cancelHeedsExecuting: boolean;
  /** A refused cancel is remembered and forbids permits. */
  readonly refusedCancelForbids: boolean;
  /** What a fence may have left at Conduit is looked for and cancelled. */
  readonly orphansAreFollowed: boolean;
  /** A closed attempt is never opened again. */
  readonly closedStaysClosed: boolean;
  /** A next attempt is made only when there is no live one. */
  readonly oneLiveAttempt: boolean;
  /** An order in a 202 is a stronger reading than an earlier "absent". */
  readonly replyOutranksAbsent: boolean;
  /** A failure without linked transactions counts only when it was read a second time. */
  readonly failureIsReadTwice: boolean;
  /** An order that Conduit may still execute is cancelled there when its execute is no longer wanted. */
  readonly unresolvedIsCancelled: boolean;
}

export const PROTOCOL: Rules = {
  compareAndSet: true,
  proofUnderLock: true,
  permitJudgesRow: true,
  permitHeedsFence: true,
  permitAges: true,
  ownReplyOnly: true,
  ownRowPerSend: true,
  sameKeyAgain: true,
  planHeedsKeyAge: true,
  permitHeedsKeyAge: true,
  permitHeedsOtherKeys: true,
  absentIsNoProof: true,
  pendingIsNoProof: true,
  cancelHeedsExecuting: true,
  refusedCancelForbids: true,
  orphansAreFollowed: true,
  closedStaysClosed: true,
  oneLiveAttempt: true,
  replyOutranksAbsent: true,
  failureIsReadTwice: true,
  unresolvedIsCancelled: true,
};

export function without(...dropped: (keyof Rules)[]): Rules {
  return { ...PROTOCOL, ...Object.fromEntries(dropped.map((rule) => [rule, false])) };
}

/** How much of the world one search looks at; within it every order of events is tried. */
export interface Bounds {
  readonly attempts: 1 | 2;
  /** Creates of one attempt: all under one key. */
  readonly creates: number;
  /** Executes under one key, and keys. */
  readonly executes: number;
  readonly executeKeys: number;
  /** A second hand that makes a plan and carries it out at any later time. */
  readonly hasStaleHand: boolean;
  /** Look-ups may show any earlier state. */
  readonly hasLag: boolean;
  readonly hasPause: boolean;
  readonly hasAccountChange: boolean;
  /** A create may be refused: rate limited, or because its quote is gone. */
  readonly hasCreateRefusals: boolean;
  /** Customers cancel. */
  readonly hasCustomerCancel: boolean;
  /** The key may be old while its quote option is not over yet: how long options live is not promised. */
  readonly hasLongOptions: boolean;
  /** Somebody else executes at Conduit what we created: nothing forbids it, so only getting stuck is a breach then. */
  readonly hasForeignClaim: boolean;
  /** How a Conduit order may end beside succeeding. */
  readonly ends: readonly ConduitState[];
}

/** Every send may be repeated, under up to two keys of execute. */
export const BOUNDS: Bounds = {
  attempts: 1,
  creates: 2,
  executes: 2,
  executeKeys: 2,
  hasStaleHand: true,
  hasLag: true,
  hasPause: false,
  hasAccountChange: false,
  hasCreateRefusals: false,
  hasCustomerCancel: true,
  hasLongOptions: false,
  hasForeignClaim: false,
  ends: ['failed'],
};

/** The least in which all parts still act: one create and one execute of each attempt. */
export const LEAST: Bounds = { ...BOUNDS, creates: 1, executes: 1, executeKeys: 1 };
