// What every answer of the API must be, whatever was asked.
import { ERROR_CODES } from '../../../src/domain/errors.ts';
import type { Invariant } from '../../checker/verdict.ts';
import { headerOf, type RawReply } from '../raw-http.ts';

export interface Fault {
  readonly invariant: Invariant;
  readonly text: string;
}

export interface Question {
  readonly isHead: boolean;
  readonly isOptions: boolean;
  /** What no answer may hold. */
  readonly canaries: readonly string[];
}

/** Set by helmet on whatever the application answers. */
const PROTECTIONS = {
  'content-security-policy': /default-src 'self'/,
  'strict-transport-security': /max-age=\d{7,}/,
  'x-content-type-options': /^nosniff$/,
  'x-frame-options': /^SAMEORIGIN$/,
  'referrer-policy': /^no-referrer$/,
} as const;
/** What is refused before it is a request has these codes, and ends its connection. */
const BARE = new Set(['validation_failed', 'headers_too_large', 'body_too_large', 'request_timeout']);
const PROBLEM_TYPE = 'application/problem+json; charset=utf-8';
/** The only outage that there can be while nothing is broken: a quote that came too late on a busy machine. Whether it is one, the range asks. */
export const NO_QUOTE = '503 quote_unavailable';
/** What tells of the inside: frames of a stack, paths, the words of drivers. */
const INSIDES =
  /\bat (async )?[\w.<>]+ \(|\bat file:|node_modules|\.ts:\d|\bECONN[A-Z]+|PostgresError|SQLSTATE|ZodError|select .+ from /;

export function judgeReply(reply: RawReply, { isHead, isOptions, canaries }: Question): Fault[] {
  const { status, headers, body, text } = reply;
  const fault = (invariant: Invariant, what: string): Fault => ({
    invariant,
    text: `${what}: ${shortly(status, body)}`,
  });
  const faults: Fault[] = [];
  for (const canary of canaries.filter((it) => text.includes(it)))
    faults.push(fault('I15', `the answer shows ${canary.slice(0, 8)}…`));
  if (INSIDES.test(text)) faults.push(fault('I15', 'the answer shows the inside of the service'));
  if (headerOf(headers, 'x-powered-by') !== undefined) faults.push(fault('I15', 'the answer says what made it'));
  const problem = isHead ? null : read(body);
  if (status >= 500 && status !== 503) faults.push(fault('I14', `the answer is ${status}`));
  if (status >= 300 && status < 400) faults.push(fault('I14', `the answer leads elsewhere with ${status}`));
  if (status === 503 && !/^[1-9]\d*$/.test(headerOf(headers, 'retry-after') ?? ''))
    faults.push(fault('I14', 'a 503 does not say when to come back'));
  if (status >= 400) faults.push(...judgeProblem(reply, problem, isHead).map((what) => fault('I14', what)));
  else if (!isHead && !isOptions && problem === null) faults.push(fault('I14', 'the answer is no JSON object'));
  const code = textOf(problem?.['code']);
  if (status === 503 && `503 ${code}` !== NO_QUOTE) faults.push(fault('I14', `a 503 is ${code}`));
  const isBare = headerOf(headers, 'connection') === 'close' && (problem === null || BARE.has(code));
  const missing = Object.entries(PROTECTIONS).filter(([name, due]) => !due.test(headerOf(headers, name) ?? ''));
  if (missing.length > 0 && !(isBare && missing.length === Object.keys(PROTECTIONS).length))
    faults.push(fault('I15', `the answer lacks ${missing.map(([name]) => name).join(', ')}`));
  return faults;
}

/** RFC 9457, with a code that is documented. */
function judgeProblem(
  { status, headers }: RawReply,
  problem: Record<string, unknown> | null,
  isHead: boolean,
): string[] {
  const faults: string[] = [];
  const type = headerOf(headers, 'content-type');
  if (type !== PROBLEM_TYPE) faults.push(`an error of type ${type}`);
  if (isHead) return faults;
  if (problem === null) return [...faults, 'an error that is no JSON object'];
  const { title, detail } = problem;
  const code = textOf(problem['code']);
  if (!(ERROR_CODES as readonly string[]).includes(code)) faults.push(`an error of the unknown code ${code}`);
  if (problem['type'] !== `urn:conduitpay:problem:${code}`) faults.push(`an error of another type`);
  if (problem['status'] !== status) faults.push(`an error that calls itself ${textOf(problem['status'])}`);
  if (typeof title !== 'string' || title === '') faults.push('an error without a title');
  if (typeof detail !== 'string' || detail === '') faults.push('an error without a detail');
  if (problem['request_id'] !== headerOf(headers, 'x-request-id')) faults.push('an error of another request');
  return faults;
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? 'none');
}

function read(body: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

const SHOWN_CHARS = 500;

function shortly(status: number, body: string): string {
  return `${status} ${body.length > SHOWN_CHARS ? `${body.slice(0, SHOWN_CHARS)}…` : body}`;
}
