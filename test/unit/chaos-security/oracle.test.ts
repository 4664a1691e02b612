import { expect, test } from '@jest/globals';
import { judgeReply, type Question } from '../../../chaos/security/fuzz/oracle.ts';
import type { Header } from '../../../chaos/security/raw-http.ts';

const CANARY = 'wlt_0123456789abcdef';
const QUESTION: Question = { isHead: false, isOptions: false, canaries: [CANARY] };
const HELMET: Header[] = [
  ['content-security-policy', "default-src 'self'"],
  ['strict-transport-security', 'max-age=31536000'],
  ['x-content-type-options', 'nosniff'],
  ['x-frame-options', 'SAMEORIGIN'],
  ['referrer-policy', 'no-referrer'],
];
const ID: Header = ['x-request-id', 'r1'];
const TYPE: Header = ['content-type', 'application/problem+json; charset=utf-8'];
const PROBLEM = {
  type: 'urn:conduitpay:problem:validation_failed',
  title: 'The request is not valid',
  status: 400,
  detail: 'x',
  code: 'validation_failed',
  request_id: 'r1',
};

function faultsOf(
  status: number,
  body: unknown,
  headers: readonly Header[] = [...HELMET, ID, TYPE],
  asked = {},
): string[] {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const head = headers.map((header) => header.join(': ')).join('\r\n');
  const reply = { status, headers, body: text, text: `HTTP/1.1 ${status} X\r\n${head}\r\n\r\n${text}` };
  return judgeReply(reply, { ...QUESTION, ...asked }).map(
    ({ invariant, text: fault }) => `${invariant} ${fault.split(':')[0]}`,
  );
}

test('a proper answer has no fault', () => {
  expect(faultsOf(400, PROBLEM)).toEqual([]);
  expect(faultsOf(200, { order_id: 'x' })).toEqual([]);
  expect(faultsOf(400, '', [...HELMET, ID, TYPE], { isHead: true })).toEqual([]);
  expect(faultsOf(200, 'GET, HEAD', HELMET, { isOptions: true })).toEqual([]);
});

test('an answer about health is protected like every other', () => {
  expect(faultsOf(200, { status: 'ready' }, HELMET)).toEqual([]);
  expect(faultsOf(200, { status: 'ready' }, [])).toEqual([expect.stringMatching(/^I15 the answer lacks/)]);
});

test('what was refused before it was a request has no protections, and ends the connection', () => {
  expect(faultsOf(400, PROBLEM, [ID, TYPE, ['connection', 'close']])).toEqual([]);
  expect(faultsOf(400, PROBLEM, [ID, TYPE])).toEqual([expect.stringMatching(/^I15 the answer lacks/)]);
  const unauthenticated = {
    ...PROBLEM,
    type: 'urn:conduitpay:problem:unauthenticated',
    code: 'unauthenticated',
    status: 401,
  };
  expect(faultsOf(401, unauthenticated, [ID, TYPE, ['connection', 'close']])).toHaveLength(1);
});

test('a 503 says when to come back, and that there was no quote: nothing else is away', () => {
  const problem = {
    ...PROBLEM,
    type: 'urn:conduitpay:problem:quote_unavailable',
    code: 'quote_unavailable',
    status: 503,
  };
  expect(faultsOf(503, problem, [...HELMET, ID, TYPE, ['retry-after', '2']])).toEqual([]);
  expect(faultsOf(503, problem)).toHaveLength(1);
  expect(faultsOf(503, problem, [...HELMET, ID, TYPE, ['retry-after', '0']])).toHaveLength(1);
  const other = { ...problem, type: 'urn:conduitpay:problem:internal_error', code: 'internal_error' };
  expect(faultsOf(503, other, [...HELMET, ID, TYPE, ['retry-after', '2']])).toEqual(['I14 a 503 is internal_error']);
  const storage = { ...problem, type: 'urn:conduitpay:problem:storage_unavailable', code: 'storage_unavailable' };
  expect(faultsOf(503, storage, [...HELMET, ID, TYPE, ['retry-after', '2']])).toEqual([
    'I14 a 503 is storage_unavailable',
  ]);
  // What has no body never asks for a quote.
  expect(faultsOf(503, '', [...HELMET, ID, TYPE, ['retry-after', '2']], { isHead: true })).toEqual([
    'I14 a 503 is none',
  ]);
});

test.each([
  ['a 500', 500, { ...PROBLEM, status: 500 }, [...HELMET, ID, TYPE], 'I14 the answer is 500'],
  ['a 502', 502, { ...PROBLEM, status: 502 }, [...HELMET, ID, TYPE], 'I14 the answer is 502'],
  ['a redirect', 302, {}, HELMET, 'I14 the answer leads elsewhere with 302'],
  [
    'a canary in the body',
    400,
    { ...PROBLEM, detail: CANARY },
    [...HELMET, ID, TYPE],
    'I15 the answer shows wlt_0123…',
  ],
  ['a canary in a header', 400, PROBLEM, [...HELMET, ID, TYPE, ['x-a', CANARY]], 'I15 the answer shows wlt_0123…'],
  [
    'a stack',
    400,
    { ...PROBLEM, detail: 'at Object.parse (x)' },
    [...HELMET, ID, TYPE],
    'I15 the answer shows the inside of the service',
  ],
  [
    'a path of the code',
    400,
    { ...PROBLEM, detail: 'src/a.ts:12' },
    [...HELMET, ID, TYPE],
    'I15 the answer shows the inside of the service',
  ],
  ['what made it', 200, {}, [...HELMET, ['x-powered-by', 'Express']], 'I15 the answer says what made it'],
  ['HTML', 404, '<html>', [...HELMET, ID, ['content-type', 'text/html']], 'I14 an error of type text/html'],
  ['no JSON', 404, 'gone', [...HELMET, ID, TYPE], 'I14 an error that is no JSON object'],
  ['text for an order', 200, 'ok', HELMET, 'I14 the answer is no JSON object'],
  ['another status', 404, PROBLEM, [...HELMET, ID, TYPE], 'I14 an error that calls itself 400'],
  [
    'an unknown code',
    400,
    { ...PROBLEM, code: 'oops' },
    [...HELMET, ID, TYPE],
    'I14 an error of the unknown code oops',
  ],
  ['no detail', 400, { ...PROBLEM, detail: '' }, [...HELMET, ID, TYPE], 'I14 an error without a detail'],
  ['no title', 400, { ...PROBLEM, title: undefined }, [...HELMET, ID, TYPE], 'I14 an error without a title'],
  ['another request', 400, { ...PROBLEM, request_id: 'r2' }, [...HELMET, ID, TYPE], 'I14 an error of another request'],
  ['a protection less', 200, {}, HELMET.slice(1), 'I15 the answer lacks content-security-policy'],
] as const)('%s is a fault', (_what, status, body, headers, fault) => {
  expect(faultsOf(status, body, headers)).toContain(fault);
});
