import { linkLifetimeMs } from './assumptions.js';
import { findBank } from './banks.js';
import { ApiError, invalid, newId, notFound, type Answer, type ApiRequest } from './http.js';
import { notification } from './notifications.js';
import type { BankCustomerRecord, LinkedAccount, LinkRecord } from './records.js';
import { ACCOUNT, COMPANY, consumer, type Route } from './route.js';
import type { Sandbox } from './sandbox.js';
import { isSealed, signedAddress } from './signed-address.js';
import type { Change } from './state.js';

const POLL = `${consumer}/linkpolls`;

export const linkRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: `${COMPANY}/indirectlinkaccount`,
    access: 'company',
    counter: 'links',
    answer: startLink,
  },
  {
    method: 'GET',
    path: `${ACCOUNT}/indirectauth`,
    access: 'account',
    counter: 'reauths',
    answer: startReauth,
  },
  { method: 'GET', path: `${POLL}/:linkId/:number`, access: 'none', counter: 'link_polls', answer: poll },
];

/** 302 with a body: the page for the user, and the address where the application polls the result (contract 5.1). */
function startLink(sandbox: Sandbox, request: ApiRequest): Answer {
  const bankId = request.query.get('bankid') ?? '';
  if (bankId === '') throw invalid({ field: 'bankId', reason: 'is required' });
  const bank = findBank(sandbox, bankId);
  if (bank.dataProvider !== 'indirect') {
    throw invalid({ field: 'bankId', reason: 'must be a bank whose dataProvider is indirect' });
  }
  return start(sandbox, request, { kind: 'link', bankId, accountId: null });
}

/** Only for an indirect account that waits for it (assumed, contract 6.4). */
function startReauth(sandbox: Sandbox, request: ApiRequest): Answer {
  const { account } = request;
  if (account === null) throw new Error('the route requires an account');
  if (account.dataProvider !== 'indirect' || account.status !== 'authRequired') {
    const text = 'only an indirect account whose status is authRequired can be re-authorised';
    // Not a violation: the status may have changed since the application last read it.
    throw new ApiError(400, 'invalidRequest', text);
  }
  return start(sandbox, request, { kind: 'reauthorisation', bankId: account.bankId, accountId: account.id });
}

function start(
  sandbox: Sandbox,
  request: ApiRequest,
  subject: Pick<LinkRecord, 'kind' | 'bankId' | 'accountId'>,
): Answer {
  const nowMs = sandbox.clock.nowMs();
  const forWeb = request.query.get('web') === 'true';
  const link: LinkRecord = {
    ...subject,
    id: newId(),
    companyId: request.company?.id ?? '',
    e2e: request.query.get('e2e') ?? null,
    state: 'started',
    startedAtMs: nowMs,
    expiresAtMs: nowMs + linkLifetimeMs,
    pollNumber: forWeb ? 1 : null,
    pollIssuedAtMs: nowMs,
    bankCustomerId: null,
    account: null,
    usedAtMs: null,
  };
  const created = notification(sandbox, 'resourceCreated', 'authorisation', link.id, { bankId: link.bankId });
  sandbox.commit({ put: 'link', record: link }, created);
  const redirect = bankPage(sandbox, link);
  return {
    status: 302,
    headers: { Location: redirect },
    body: { redirect, ...(forWeb ? pollRoute(sandbox, link.id, 1) : {}) },
  };
}

/** The generic bank's page, with the parameters of a redirect to a provider (contract 12.3). */
function bankPage(sandbox: Sandbox, link: LinkRecord): string {
  const query = new URLSearchParams({
    ...(link.accountId === null ? { bank: link.bankId } : { bankaccount: link.accountId }),
    authorisation_id: link.id,
    redirect_uri: `${sandbox.origin}${consumer}/indirectredirect/${link.id}`,
    state: new URL(signedAddress(sandbox, `/bank/state/${link.id}`)).searchParams.get('signature') ?? '',
  });
  return `${sandbox.origin}/bank/${link.kind === 'link' ? 'auth' : 'authrefresh'}?${query.toString()}`;
}

function pollRoute(
  sandbox: Sandbox,
  linkId: string,
  number: number,
): { pollRoute: string; pollPeriod: number } {
  const address = signedAddress(sandbox, `${POLL}/${linkId}/${number}`);
  return { pollRoute: address, pollPeriod: sandbox.knobs.linkPollPeriodMs };
}

/** Each address is good for one call (contract 5.2). */
function poll(sandbox: Sandbox, request: ApiRequest): Answer {
  const { linkId = '', number = '' } = request.params;
  const link = sandbox.state.get('link', linkId);
  const headers = ['authorization', 'x-application'].filter((name) => name in request.headers);
  if (headers.length > 0) sandbox.violation('headers_on_poll_route', headers.join(', '));
  if (link === undefined || !isSealed(sandbox, request.path, request.query.get('signature'))) {
    throw new ApiError(410, 'gone', 'the poll route is not known', [], 'poll_route_forged');
  }
  if (link.pollNumber !== Number(number)) throw new ApiError(410, 'gone', 'the poll route has been used');
  const nowMs = sandbox.clock.nowMs();
  if (nowMs - link.pollIssuedAtMs < sandbox.knobs.linkPollPeriodMs) sandbox.note('polled_early', linkId);
  if (link.state === 'started' && nowMs < link.expiresAtMs) {
    const next = link.pollNumber + 1;
    sandbox.commit({ put: 'link', record: { ...link, pollNumber: next, pollIssuedAtMs: nowMs } });
    return { status: 202, body: pollRoute(sandbox, linkId, next) };
  }
  sandbox.commit({ put: 'link', record: { ...link, pollNumber: null } });
  const success = link.state === 'linked';
  const account = success && link.account !== null ? linkedView(sandbox, link.account) : null;
  return { status: 200, body: { account, success } };
}

function linkedView({ knobs }: Sandbox, account: LinkedAccount): object {
  return {
    accountName: account.accountName,
    ...(knobs.accountKeyMissing ? {} : { accountKey: account.accountKey }),
    accountIdentifier: account.accountIdentifier,
    ...(knobs.bankIdentifierMissing ? {} : { bankIdentifier: account.bankIdentifier }),
    bankAccountExternalId: account.externalId,
  };
}

/** @throws ApiError 404 unknown, 410 over or too late */
export function openLink(sandbox: Sandbox, linkId: string): LinkRecord {
  const link = sandbox.state.get('link', linkId);
  if (link === undefined) throw notFound('the authorisation');
  if (link.state !== 'started' || link.expiresAtMs <= sandbox.clock.nowMs()) {
    throw new ApiError(410, 'gone', 'This authorisation is over. Please start again in your product.');
  }
  return link;
}

export function refuseLink(sandbox: Sandbox, link: LinkRecord): void {
  sandbox.commit({ put: 'link', record: { ...link, state: 'refused' } });
}

/** The user has granted all accounts and picked one; the others become candidates (contract 6.6, 12.2). */
export function grantLink(
  sandbox: Sandbox,
  link: LinkRecord,
  customer: BankCustomerRecord,
  externalId: string,
): void {
  const accounts = customer.accounts.map((account): LinkedAccount => ({
    accountName: account.name,
    accountKey: `key-${account.externalId}`,
    accountIdentifier: account.accountIdentifier,
    // Documented: the provider's key for this customer's authorisation, no sort code (contract 12.2).
    bankIdentifier: customer.id,
    branchIdentifier: account.branchIdentifier,
    externalId: account.externalId,
  }));
  const account = accounts.find((candidate) => candidate.externalId === externalId);
  if (account === undefined) throw notFound('the account at the bank');
  const { companyId, bankId } = link;
  const known = sandbox.state.all('candidate').filter((candidate) => candidate.companyId === companyId);
  const candidates = accounts
    .filter((granted) => !known.some(({ account: other }) => isSame(granted, other)))
    .map((granted): Change => ({
      put: 'candidate',
      record: { id: newId(), companyId, bankId, account: granted },
    }));
  sandbox.commit({ put: 'link', record: { ...link, state: 'linked', account } }, ...candidates);
}

/** Re-authorised: the account is active again, unless it has been cancelled (contract 6.4). */
export function grantReauthorisation(sandbox: Sandbox, link: LinkRecord): void {
  const account = sandbox.state.get('account', link.accountId ?? '');
  const nowMs = sandbox.clock.nowMs();
  const changes: Change[] = [{ put: 'link', record: { ...link, state: 'linked' } }];
  if (account?.status === 'authRequired') {
    const record = { ...account, status: 'active' as const, statusChangedAtMs: nowMs, modifiedAtMs: nowMs };
    changes.push({ put: 'account', record });
  }
  sandbox.commit(...changes);
}

function isSame(a: LinkedAccount, b: LinkedAccount): boolean {
  return a.bankIdentifier === b.bankIdentifier && a.accountIdentifier === b.accountIdentifier;
}
