import { banksLimitMax } from './assumptions.js';
import { invalid, notFound, type Answer, type ApiRequest } from './http.js';
import type { BankRecord } from './records.js';
import { extended } from './render.js';
import { consumer, type Route } from './route.js';
import type { Sandbox } from './sandbox.js';

export const bankRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: `${consumer}/banks`,
    access: 'application',
    counter: 'bank_lists',
    answer: listBanks,
  },
  { method: 'GET', path: `${consumer}/banks/:bankId`, access: 'application', answer: showBank },
];

/** @throws ApiError 404 */
export function findBank(sandbox: Sandbox, id: string): BankRecord {
  const bank = sandbox.state.get('bank', id);
  if (bank === undefined) throw notFound(`bank ${id}`);
  return bank;
}

/** Filters and paging are assumed; the default country is that of the data region (contract 4). */
function listBanks(sandbox: Sandbox, { query }: ApiRequest): Answer {
  const name = query.get('name')?.toLowerCase() ?? '';
  const country = query.get('primarycountry') ?? (sandbox.options.dataRegion === 'us' ? 'USA' : 'GBR');
  const dataProvider = query.get('dataprovider');
  const onlyTop = query.get('topbanks') === 'true';
  const startIndex = numberOf(query, 'startIndex', 1, Number.MAX_SAFE_INTEGER);
  const limit = numberOf(query, 'limit', banksLimitMax, banksLimitMax);
  const found = sandbox.state.all('bank').filter((bank) => {
    if (!bank.name.toLowerCase().includes(name) || bank.primaryCountry !== country) return false;
    return (dataProvider === undefined || bank.dataProvider === dataProvider) && (!onlyTop || bank.popular);
  });
  const banks = found.slice(startIndex - 1, startIndex - 1 + limit);
  return {
    status: 200,
    body: {
      startIndex,
      endIndex: startIndex + banks.length - 1,
      total: found.length,
      banks: banks.map((bank) => renderBank(sandbox, bank)),
    },
  };
}

function numberOf(query: Map<string, string>, name: string, fallback: number, most: number): number {
  const text = query.get(name.toLowerCase());
  if (text === undefined) return fallback;
  if (!/^[1-9]\d{0,14}$/.test(text) || Number(text) > most) {
    throw invalid({ field: name, reason: `must be a whole number from 1 to ${most}` });
  }
  return Number(text);
}

function showBank(sandbox: Sandbox, { params }: ApiRequest): Answer {
  return { status: 200, body: renderBank(sandbox, findBank(sandbox, params['bankId'] ?? '')) };
}

function renderBank(sandbox: Sandbox, bank: BankRecord): unknown {
  const captcha = `${sandbox.origin}/bank/logo.svg`;
  return extended(sandbox, {
    bankId: bank.id,
    name: bank.name,
    bankURL: `${sandbox.origin}/bank`,
    primaryCountry: bank.primaryCountry,
    primaryCountry2CharIso: bank.primaryCountry2,
    dataProvider: bank.dataProvider,
    authorisationMechanism: mechanismOf(sandbox, bank),
    authorisationData: null,
    accountTypes: bank.accountTypes,
    status: bank.status,
    offBoardingMechanism: { type: 'none', instructions: null },
    supportiframe: false,
    popularBank: bank.popular,
    flags: { oauth: bank.dataProvider === 'indirect' },
    capabilities: { manualRefresh: false },
    logo: captcha,
    logoSvg: captcha,
    icon: captcha,
  });
}

/** Shape assumed (contract 4). */
function mechanismOf(sandbox: Sandbox, bank: BankRecord): unknown {
  switch (bank.mechanism) {
    case null:
      return null;
    case 'pdf':
      return { type: 'pdf' };
    case 'url':
      return { type: 'url', url: `${sandbox.origin}/bank/authorise-feed` };
    case 'instructions':
      return { type: 'instructions', instructions: 'Ask your branch to send statements to Sage.' };
    default:
      return bank.mechanism satisfies never;
  }
}
