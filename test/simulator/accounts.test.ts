import { afterEach, expect, test } from '@jest/globals';
import { idOf, start, stopAll, USDC, USDT } from './support.ts';

afterEach(stopAll);

const [SOURCE, DESTINATION] = [idOf('wlt', 'source'), idOf('wlt', 'destination')];

test('a create is refused on an account that was deactivated, on a wrong asset and on a malformed id', async () => {
  const { api, control } = await start();
  const wallet = (word: string, asset = USDC) => ({ type: 'wallet', id: idOf('wlt', word), asset });
  const codeOf = async (extra: object) => (await api.create({ extra })).body.type;
  await control.deactivateAccount(idOf('wlt', 'closed'));
  expect(await codeOf({ destination: wallet('closed') })).toBe('DESTINATION_NOT_ACTIVATED');
  expect(await codeOf({ source: wallet('closed', USDT) })).toBe('NON_CUSTODIAL_SOURCE_NOT_SUPPORTED');
  expect((await api.call('GET', `/wallets/${idOf('wlt', 'closed')}`)).body.status).toBe('inactive');
  await control.activateAccount(idOf('wlt', 'closed'));
  expect(await codeOf({ destination: wallet('closed') })).toBe('conversion');
  expect(await codeOf({ destination: wallet('any', USDT) })).toBe('QUOTE_ASSET_MISMATCH');
  expect(await codeOf({ destination: { type: 'virtual_account', id: idOf('vac', 'a') } })).toBe('QUOTE_ASSET_MISMATCH');
  expect(await codeOf({ destination: { ...wallet('any'), id: 'wlt_short' } })).toBe('INVALID_OID_FORMAT');
});

test('accounts are listed by the customer they belong to', async () => {
  const { api, control } = await start();
  const [customer, account] = [idOf('cus', 'list'), idOf('vac', 'list')];
  await control.setAccount(account, { customerId: customer, balances: { USD: '12.50' } });
  const { data } = (await api.call('GET', `/customers/${customer}/virtual-accounts`)).body;
  expect(data).toHaveLength(1);
  expect(data[0].balances[0].available).toEqual({ code: 'USD', amount: '12.50' });
  expect((await api.call('GET', `/customers/${customer}/virtual-accounts/${account}`)).body.id).toBe(account);
  const foreign = await api.call('GET', `/customers/${idOf('cus', 'other')}/virtual-accounts/${account}`);
  expect(foreign.status).toBe(404);
  expect((await api.call('GET', `/virtual-accounts/${idOf('vac', 'anybody')}`)).body.status).toBe('active');
});

test('where unknown accounts are refused, an order takes two accounts that the desk has named, and a look finds no other', async () => {
  const { api, control } = await start();
  expect((await api.create()).status).toBe(202);
  await control.setKnobs({ unknownAccounts: 'refuse' });
  const create = async () => {
    const { status, body } = await api.create();
    return [status, status === 202 ? body.status : body.type];
  };
  expect(await create()).toEqual([422, 'NON_CUSTODIAL_SOURCE_NOT_SUPPORTED']);
  expect((await api.call('GET', `/wallets/${SOURCE}`)).body.type).toBe('NOT_FOUND');
  await control.setBalance(SOURCE, 'USDT.ethereum', '20');
  expect(await create()).toEqual([422, 'DESTINATION_NOT_ACTIVATED']);
  await control.setAccount(DESTINATION, {});
  expect(await create()).toEqual([202, 'pending']);
  expect((await api.call('GET', `/wallets/${SOURCE}`)).body.status).toBe('active');
  const unknown = `/sandbox/customers/${idOf('cus', 'a')}/wallets/${idOf('wlt', 'nobody')}/deposits/simulate`;
  const deposit = await api.call('POST', unknown, { body: { assetAmount: { ...USDT, amount: '1' } } });
  expect([deposit.status, deposit.body.type]).toEqual([404, 'NOT_FOUND']);
});

test('an account can be for some assets alone, so that two exchanged accounts are refused', async () => {
  const { api, control } = await start();
  await control.setAccount(SOURCE, { assets: ['USDT.ethereum'] });
  await control.setAccount(DESTINATION, { assets: ['USDC.ethereum'] });
  const create = async (from: string, to: string) => {
    const source = { type: 'wallet', id: from, asset: USDT };
    const { status, body } = await api.create({
      extra: { source, destination: { type: 'wallet', id: to, asset: USDC } },
    });
    return [status, status === 202 ? body.status : body.type];
  };
  expect(await create(SOURCE, DESTINATION)).toEqual([202, 'pending']);
  expect(await create(DESTINATION, DESTINATION)).toEqual([422, 'QUOTE_ASSET_MISMATCH']);
  expect(await create(SOURCE, SOURCE)).toEqual([422, 'DESTINATION_ASSET_NOT_ACCEPTED']);
  await control.setBalance(DESTINATION, 'USDC.ethereum', '1');
  expect((await api.call('GET', `/wallets/${DESTINATION}`)).body.balances).toHaveLength(1);
  await control.setAccount(DESTINATION, { assets: null });
  expect(await create(DESTINATION, DESTINATION)).toEqual([202, 'pending']);
});

test("told to serve what is documented, it shows a customer's virtual accounts and nothing else", async () => {
  const { api, control } = await start();
  const [customer, vac, wlt] = [idOf('cus', 'list'), idOf('vac', 'list'), idOf('wlt', 'list')];
  for (const id of [vac, wlt]) await control.setAccount(id, { customerId: customer });
  const documented = ['virtual-accounts', `virtual-accounts/${vac}`].map((path) => `/customers/${customer}/${path}`);
  const byAnalogy = [`/customers/${customer}/wallets`, `/customers/${customer}/wallets/${wlt}`];
  byAnalogy.push(`/wallets/${wlt}`, `/virtual-accounts/${vac}`);
  const statuses = (paths: string[]) =>
    Promise.all(paths.map(async (path) => (await api.call('GET', path)).status)).then((all) => new Set(all));
  expect(await statuses([...documented, ...byAnalogy])).toEqual(new Set([200]));
  await control.setKnobs({ accountEndpoints: 'documented' });
  expect(await statuses(documented)).toEqual(new Set([200]));
  expect(await statuses(byAnalogy)).toEqual(new Set([404]));
});
