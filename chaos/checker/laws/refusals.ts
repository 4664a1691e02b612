// I5, I6, I8 and I14: what a customer is refused. A service that turns away everybody would keep every law that asks about orders.
import type { ClientOperation } from '../../evidence/history.ts';
import type { Evidence } from '../evidence.ts';
import { operationsOf } from '../told.ts';
import { broken, type Violation } from '../verdict.ts';
import type { Meta } from '../witnesses.ts';

/** Whoever asks for what is not his own, or for something else under a used key, is refused by right: other laws ask for that. */
const isRightful = ({ operation, isForeign, bodyNumber, request, userId }: ClientOperation) =>
  !isForeign && !bodyNumber && (operation !== 'create' || request?.['user_id'] === userId);

export function judgeRefusals(evidence: Evidence): Violation[] {
  return operationsOf(evidence).flatMap((call) => {
    const { operation, orderId, status, code } = call;
    const told = `was answered ${status} ${code}`;
    if (status === null || status < 300) return [];
    // Whatever is away: 503 says so, and when to come back.
    if (status >= 500) return status === 503 ? [] : [broken('I14', orderId, `${operation} ${told}`)];
    if (!isRightful(call) || isComeAgain(status)) return [];
    if (operation === 'create')
      return isTooLate(call, evidence.meta) ? [] : [broken('I6', null, `a good order ${told}`)];
    if (operation === 'cancel') return status === 409 ? [] : [broken('I5', orderId, `its customer's cancel ${told}`)];
    return [broken('I8', orderId, `its customer's ${operation} ${told}`)];
  });
}

/** The request did not come whole, or one of too many. */
const isComeAgain = (status: number) => status === 408 || status === 429;

/** The service judges by the database's clock, within the time of the request. */
const SECOND_MS = 1_000;

/** A request that came to the service late asks for an end that is too near by then. */
function isTooLate({ code, request, endedAt }: ClientOperation, { minExpiryMs }: Meta): boolean {
  return (
    code === 'expiry_out_of_range' && Date.parse(String(request?.['expires_at'])) < endedAt + minExpiryMs + SECOND_MS
  );
}
