import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { askControl } from '../../../sandbox/stand-in/ask-control.js';
import type { FaultSpec } from '../../../sandbox/sage-banking/faults.js';
import { harbourBank } from '../../../sandbox/sage-banking/seed-banks.js';
import { startSageBankingSandbox } from '../../../sandbox/sage-banking/server.js';
import type {
  SageBankingClient,
  SageBankingOptions,
  SageCompanyAccess,
  SageOrganisationInput,
} from '../../../src/clients/sage-banking/client.js';
import { createSageBankingClient } from '../../../src/clients/sage-banking/create-client.js';
import type { SageBankAccount, SageRuleInput } from '../../../src/clients/sage-banking/schemas.js';
import { sageErrorOf } from '../../support/sage-banking/raw-client.js';
import { until } from '../../support/until.js';

const application = { id: 'Sage.UK.Ledger', signingKey: 'sk_client_41d7', desktop: true };
const licenceDetails = [{ key: 'serial', value: 'ACTIVE' }];
const company = { name: 'Café & Söhne (Harbour)', languageCode: 'en-GB' };

let sandbox: Awaited<ReturnType<typeof startSageBankingSandbox>>;
let client: SageBankingClient;
let access: SageCompanyAccess;

beforeEach(async () => {
  sandbox = await startSageBankingSandbox({
    applications: [application],
    environment: 'production',
    knobs: { linkPollPeriodMs: 5_000, reprocessRunMs: 40, extraFields: true },
  });
  client = clientWith();
  access = await client.createOrganisation({ organisation: { company } });
});

afterEach(async () => {
  // In every test the client must keep the contract.
  const { violations } = await control('GET', '/violations');
  await sandbox.close();
  expect(violations).toEqual([]);
});

function clientWith(options: Partial<SageBankingOptions> = {}): SageBankingClient {
  const { url } = sandbox;
  return createSageBankingClient({
    bankingUrl: url,
    authUrl: url,
    tokenServiceUrl: url,
    linkOrigins: [url],
    applicationId: application.id,
    signingKey: application.signingKey,
    provider: 'ledger.desk',
    timeoutMs: 5_000,
    ...options,
  });
}

// oxlint-disable-next-line typescript/no-explicit-any -- every answer has another shape: a wrong access fails the test there
function control(method: string, path: string, body?: object): Promise<any> {
  return askControl({ url: sandbox.url, method, path, body });
}

const countersOf = (): Promise<Record<string, number>> => control('GET', '/counters');
const setFault = (fault: FaultSpec): Promise<unknown> => control('POST', '/faults', fault);
const authorisationOf = (redirect: string): string =>
  new URL(redirect).searchParams.get('authorisation_id') ?? '';

/** Creates a pending account that was linked at the bank. */
async function linkAccount(): Promise<SageBankAccount> {
  const { redirect, pollRoute } = await client.startLink({ access, bankId: harbourBank });
  await control('POST', `/links/${authorisationOf(redirect)}/finish`, {});
  const polled = await client.pollLink({ pollRoute });
  if (polled.kind !== 'succeeded' || polled.account === null) throw new Error('the link did not succeed');
  const { accountName, accountKey, accountIdentifier, bankIdentifier } = polled.account;
  return client.createBankAccount({
    access,
    account: {
      bankId: harbourBank,
      accountName,
      accountIdentifier,
      accountKey: accountKey ?? '1',
      bankIdentifier: bankIdentifier ?? '',
      accountType: 'DEBIT',
      defaultCurrency: 'GBP',
      requestedStartDate: '2024-01-01T00:00:00.000Z',
    },
  });
}

const fill = (bankAccountId: string, count: number): Promise<unknown> =>
  control('POST', `/accounts/${bankAccountId}/transactions`, {
    transactions: Array.from({ length: count }, (_, index) => ({
      transactionAmount: -1 - index,
      narrative1: `CARD ${String(index)}`,
    })),
  });

const rule = (ruleName: string, more: Partial<SageRuleInput> = {}): SageRuleInput => ({
  ruleName,
  ruleConditions: [{ ruleField: 'transactionNarrative', ruleOperation: 'contains', ruleCriteria: 'CARD' }],
  ruleActions: [{ splitPercentage: 100, accountsPostings: [{ type: 'nominal', code: '7200' }] }],
  ...more,
});

describe('onboarding', () => {
  test('a cloud customer gets organisation, company and a signing key that yields tokens', async () => {
    await client.proveAccess({ access });
    const wrong = { ...access, signingKey: 'another key' };
    expect(await sageErrorOf(client.proveAccess({ access: wrong }))).toMatchObject({
      kind: 'unauthorized',
      operation: 'getAccessToken',
      httpStatus: 401,
      errorCode: 'unauthorised',
    });
    await expectViolation('bad_signature');
  });

  const desktopOrganisation = async (): Promise<SageOrganisationInput> => {
    const { captchaId, image } = await client.getCaptcha({});
    expect(image).toMatch(/^data:image\/svg\+xml;base64,/);
    const { text: captchaText } = await control('GET', `/captchas/${captchaId}`);
    return { company, desktop: { licenceDetails, captchaId, captchaText } };
  };

  test('each refusal of a desktop customer is distinguished by status and code, and success yields a company with access', async () => {
    const create = async (organisation: SageOrganisationInput) => client.createOrganisation({ organisation });
    expect(await sageErrorOf(create(await desktopOrganisation()))).toMatchObject({ httpStatus: 404 });

    await client.requestToken({ licenceDetails });
    const typo = await desktopOrganisation();
    const wrong = { ...typo, desktop: { ...typo.desktop!, captchaText: 'wrong' } };
    expect(await sageErrorOf(create(wrong))).toMatchObject({ httpStatus: 400, errorCode: 'captchaInvalid' });

    await control('POST', '/licences', { serial: 'ACTIVE', valid: false });
    expect(await sageErrorOf(create(await desktopOrganisation()))).toMatchObject({
      kind: 'refused',
      httpStatus: 400,
      errorCode: 'invalidCustomer',
    });

    await control('POST', '/licences', { serial: 'ACTIVE', valid: true });
    const made = await create(await desktopOrganisation());
    await client.proveAccess({ access: made });

    expect(await sageErrorOf(create(await desktopOrganisation()))).toMatchObject({
      kind: 'refused',
      httpStatus: 409,
      errorCode: 'organisationLimitExceeded',
    });
  });

  test.each<[FaultSpec, string, string, number]>([
    [{ kind: 'server_error_before_effect' }, 'outcome_unknown', 'server_error', 1],
    [{ kind: 'server_error_after_effect', http_status: 502 }, 'outcome_unknown', 'server_error', 2],
    [{ kind: 'reset_after_effect' }, 'outcome_unknown', 'connection_lost', 2],
    [{ kind: 'reset_after_effect', point: 'half_body' }, 'outcome_unknown', 'connection_lost', 2],
    [{ kind: 'malformed_body', shape: 'truncated_json' }, 'outcome_unknown', 'unreadable_body', 2],
    [{ kind: 'malformed_body', shape: 'gzip_bomb' }, 'outcome_unknown', 'body_too_large', 2],
    [{ kind: 'redirect' }, 'outcome_unknown', 'redirect', 1],
  ])(
    'an answer of POST organisation lost by %j is %s, and the POST is sent once',
    async (fault, kind, reason, made) => {
      await setFault({ ...fault, match: { path: '/organisations$' } });
      const work = client.createOrganisation({ organisation: { company } });
      expect(await sageErrorOf(work)).toMatchObject({ kind, reason, operation: 'createOrganisation' });
      const { organisations } = await control('GET', '/organisations');
      expect(organisations).toHaveLength(made);
      const counters = await countersOf();
      expect(counters['organisation_posts']).toBe(2);
    },
  );
});

describe('banks', () => {
  test('are searched by name and country, and read by id', async () => {
    const { banks, total } = await client.listBanks({ name: 'harbour', primaryCountry: 'GBR' });
    expect(banks.map(({ name }) => name)).toEqual(['Harbour Bank']);
    expect(total).toBe(1);
    expect((await client.listBanks({ primaryCountry: 'USA' })).banks).toHaveLength(1);
    const rest = await client.listBanks({ startIndex: 2 });
    expect(rest.banks).toHaveLength(rest.total - 1);
    expect(await client.getBank({ bankId: harbourBank })).toMatchObject({ dataProvider: 'indirect' });
    const unknown = client.getBank({ bankId: 'a/b?c' });
    expect(await sageErrorOf(unknown)).toMatchObject({
      kind: 'refused',
      httpStatus: 404,
      errorCode: 'notFound',
    });
  });
});

describe('linking', () => {
  test('a 302 yields the redirect of the customer and poll routes that work once each, until success', async () => {
    const start = await client.startLink({ access, bankId: harbourBank, e2e: 'link-7' });
    expect(start).toMatchObject({ pollPeriodMs: 5_000 });
    const waiting = await client.pollLink({ pollRoute: start.pollRoute });
    if (waiting.kind !== 'waiting') throw new Error('the link ended too early');
    expect(await sageErrorOf(client.pollLink({ pollRoute: start.pollRoute }))).toMatchObject({
      kind: 'gone',
      httpStatus: 410,
    });
    await control('POST', `/links/${authorisationOf(start.redirect)}/finish`, {});
    expect(await client.pollLink({ pollRoute: waiting.pollRoute })).toMatchObject({
      kind: 'succeeded',
      account: { accountName: 'Current account', bankIdentifier: expect.any(String) as string },
    });
  });

  test('a refusal at the bank and an expired session are failures', async () => {
    const refused = await client.startLink({ access, bankId: harbourBank });
    await control('POST', `/links/${authorisationOf(refused.redirect)}/finish`, { success: false });
    expect(await client.pollLink(refused)).toEqual({ kind: 'failed' });
    const late = await client.startLink({ access, bankId: harbourBank });
    await control('POST', '/clock', { advance_ms: 21 * 60_000 });
    expect(await client.pollLink(late)).toEqual({ kind: 'failed' });
  });

  test('members that a poll leaves out (accountKey, bankIdentifier) are left out of the result', async () => {
    await control('POST', '/knobs', { accountKeyMissing: true, bankIdentifierMissing: true });
    const { redirect, pollRoute } = await client.startLink({ access, bankId: harbourBank });
    await control('POST', `/links/${authorisationOf(redirect)}/finish`, {});
    const polled = await client.pollLink({ pollRoute });
    if (polled.kind !== 'succeeded') throw new Error('the link did not succeed');
    expect(polled.account).not.toHaveProperty('accountKey');
    expect(polled.account).not.toHaveProperty('bankIdentifier');
  });

  test.each<[FaultSpec, string]>([
    [{ kind: 'reset_after_effect' }, 'connection_lost'],
    [{ kind: 'server_error_after_effect', http_status: 503 }, 'server_error'],
    [{ kind: 'malformed_body', shape: 'html' }, 'unreadable_body'],
  ])('a 202 lost by %j is an unknown outcome, and its route is gone', async (fault, reason) => {
    const { pollRoute } = await client.startLink({ access, bankId: harbourBank });
    await setFault({ ...fault, match: { path: '/linkpolls/' } });
    expect(await sageErrorOf(client.pollLink({ pollRoute }))).toMatchObject({
      kind: 'outcome_unknown',
      reason,
    });
    expect(await sageErrorOf(client.pollLink({ pollRoute }))).toMatchObject({ kind: 'gone' });
  });

  test.each(['truncated_json', 'html', 'empty', 'wrong_content_type', 'huge'] as const)(
    'a 302 with a malformed body (%s) is an unknown outcome, and its Location is not used',
    async (shape) => {
      await setFault({ kind: 'malformed_body', shape, match: { path: '/indirectlinkaccount' } });
      expect(await sageErrorOf(client.startLink({ access, bankId: harbourBank }))).toMatchObject({
        kind: 'outcome_unknown',
        operation: 'startLink',
        httpStatus: 302,
      });
    },
  );

  test('routes and redirects of foreign hosts are refused', async () => {
    const match = { path: '/indirectlinkaccount' };
    await setFault({
      kind: 'rewrite_body',
      find: `"pollRoute":"${sandbox.url}`,
      replace: '"pollRoute":"https://evil.example',
      match,
    });
    await setFault({
      kind: 'rewrite_body',
      find: `"redirect":"${sandbox.url}`,
      replace: '"redirect":"http://evil.example',
      match: { ...match, nth: 2 },
    });
    for (let count = 0; count < 2; count += 1) {
      expect(await sageErrorOf(client.startLink({ access, bankId: harbourBank }))).toMatchObject({
        kind: 'foreign_address',
        host: 'evil.example',
      });
    }
  });
});

describe('bank accounts', () => {
  test('are created, listed, read and cancelled, also twice', async () => {
    const made = await linkAccount();
    const { bankAccountId } = made;
    expect(made).toMatchObject({ status: 'pending', bankId: harbourBank, defaultCurrency: 'GBP' });
    expect(await client.listBankAccounts({ access })).toMatchObject([{ bankAccountId }]);
    await fill(bankAccountId, 1);
    expect(await client.getBankAccount({ access, bankAccountId })).toMatchObject({ status: 'active' });
    await client.deleteBankAccount({ access, bankAccountId });
    await client.deleteBankAccount({ access, bankAccountId });
    expect(await client.listBankAccounts({ access })).toEqual([]);
    expect(await client.listBankAccounts({ access, includeCancelled: true })).toMatchObject([
      { bankAccountId, status: 'cancelled' },
    ]);
    expect(await client.getBankAccount({ access, bankAccountId })).toMatchObject({ status: 'cancelled' });
  });

  test('an account whose POST lost its answer is in the list', async () => {
    await setFault({ kind: 'reset_after_effect', match: { method: 'POST', path: '/bankaccounts$' } });
    expect(await sageErrorOf(linkAccount())).toMatchObject({
      kind: 'outcome_unknown',
      reason: 'connection_lost',
      operation: 'createBankAccount',
    });
    expect(await client.listBankAccounts({ access })).toMatchObject([{ status: 'pending' }]);
  });

  test('an authorization is renewed at the bank, without an account in the answer', async () => {
    const { bankAccountId } = await linkAccount();
    await control('POST', `/accounts/${bankAccountId}/transactions`, {
      transactions: [],
      status: 'authRequired',
    });
    expect(await client.getBankAccount({ access, bankAccountId })).toMatchObject({ status: 'authRequired' });
    const { redirect, pollRoute } = await client.startReauthorisation({ access, bankAccountId });
    await control('POST', `/links/${authorisationOf(redirect)}/finish`, {});
    expect(await client.pollLink({ pollRoute })).toEqual({ kind: 'succeeded', account: null });
    expect(await client.getBankAccount({ access, bankAccountId })).toMatchObject({ status: 'active' });
    expect(await sageErrorOf(client.startReauthorisation({ access, bankAccountId }))).toMatchObject({
      kind: 'refused',
      httpStatus: 400,
    });
  });
});

describe('transactions', () => {
  test('are read by cursor over gaps, each once, with one request per page', async () => {
    const { bankAccountId } = await linkAccount();
    await fill(bankAccountId, 250);
    const ids: number[] = [];
    let startIndex = 1;
    let hasMore = true;
    while (hasMore) {
      const page = await client.readTransactions({ access, bankAccountId, startIndex });
      ids.push(...page.transactions.map(({ transactionId }) => transactionId));
      ({ hasMore } = page);
      startIndex = page.endIndex + 1;
      expect(page.account).toMatchObject({ bankAccountId, status: 'active' });
    }
    expect(new Set(ids).size).toBe(250);
    // Some ids are left out, so the last id is higher than the number of rows.
    expect(ids.at(-1)).toBeGreaterThan(250);
    const counters = await countersOf();
    expect(counters['transaction_reads']).toBe(3);
    expect(counters['token_fetches']).toBe(1);
    expect(await client.readTransactions({ access, bankAccountId, startIndex })).toMatchObject({
      transactions: [],
      endIndex: startIndex - 1,
      hasMore: false,
    });
  });
});

describe('rules', () => {
  test('are created, read, replaced, amended and deleted, and listed after their account is cancelled', async () => {
    const { bankAccountId } = await linkAccount();
    const at = { access, bankAccountId };
    const first = await client.createRule({ ...at, rule: rule('cards') });
    const second = await client.createRule({ ...at, rule: rule('more', { ruleRank: 1 }) });
    expect((await client.listRules(at)).map(({ ruleName }) => ruleName)).toEqual(['more', 'cards']);
    const { ruleId } = first;
    expect(await client.replaceRule({ ...at, ruleId, rule: rule('all cards') })).toMatchObject({
      ruleRank: 2,
    });
    expect(await client.amendRule({ ...at, ruleId, changes: { ruleRank: 1 } })).toMatchObject({
      ruleRank: 1,
    });
    expect(await client.getRule({ ...at, ruleId })).toMatchObject({ ruleName: 'all cards', ruleRank: 1 });
    expect(await sageErrorOf(client.createRule({ ...at, rule: rule('more') }))).toMatchObject({
      httpStatus: 409,
    });
    await client.deleteRule({ ...at, ruleId: second.ruleId });
    expect(await sageErrorOf(client.getRule({ ...at, ruleId: second.ruleId }))).toMatchObject({
      httpStatus: 404,
    });
    await client.deleteBankAccount(at);
    expect(await client.listDisconnectedRules({ access })).toMatchObject([
      { ruleId, bankAccountId, status: 'disconnected' },
    ]);
  });
});

describe('reprocessing', () => {
  test('is started and polled until it is done, and can be read again', async () => {
    const { bankAccountId } = await linkAccount();
    await fill(bankAccountId, 3);
    await client.createRule({ access, bankAccountId, rule: rule('cards') });
    const { transactions } = await client.readTransactions({ access, bankAccountId, startIndex: 1 });
    expect(transactions.map(({ predictedActions }) => predictedActions)).toEqual([[], [], []]);
    const transactionIds = transactions.map(({ transactionId }) => transactionId);
    const { pollRoute } = await client.startReprocess({ access, bankAccountId, transactionIds });
    const done = await until(
      async () => {
        const polled = await client.pollReprocess({ access, pollRoute });
        return polled.kind === 'done' ? polled : undefined;
      },
      { timeoutMs: 5_000, describe: 'the run is done' },
    );
    expect(done.transactions.map(({ predictedActions }) => predictedActions)).toEqual([
      [expect.anything()],
      [expect.anything()],
      [expect.anything()],
    ]);
    expect(await client.pollReprocess({ access, pollRoute })).toMatchObject({ kind: 'done' });
  });

  test('that fails is final, and the provider message is returned', async () => {
    const { bankAccountId } = await linkAccount();
    await fill(bankAccountId, 1);
    await setFault({ kind: 'reprocess_fails' });
    const { pollRoute } = await client.startReprocess({ access, bankAccountId, transactionIds: [1] });
    const failed = await until(
      async () => {
        const polled = await client.pollReprocess({ access, pollRoute });
        return polled.kind === 'failed' ? polled : undefined;
      },
      { timeoutMs: 5_000, describe: 'the run has failed' },
    );
    expect(failed).toEqual({ kind: 'failed', message: 'the transactions could not be reprocessed' });
  });

  test('of an unknown request is not found', async () => {
    const { bankAccountId } = await linkAccount();
    await fill(bankAccountId, 1);
    const { pollRoute } = await client.startReprocess({ access, bankAccountId, transactionIds: [1] });
    await control('POST', '/clock', { advance_ms: 25 * 3_600_000 });
    expect(await sageErrorOf(client.pollReprocess({ access, pollRoute }))).toMatchObject({ httpStatus: 404 });
  });
});

describe('failures', () => {
  test('a token that has expired at Sage is replaced transparently', async () => {
    await client.listBankAccounts({ access });
    await control('POST', '/clock', { advance_ms: 20 * 60_000 });
    expect(await client.listBankAccounts({ access })).toEqual([]);
    const counters = await countersOf();
    expect(counters['token_fetches']).toBe(2);
  });

  test('a 401 for a valid token is retried once with a new token, then reported', async () => {
    await setFault({ kind: 'unauthorised', match: { path: '/bankaccounts$' } });
    expect(await client.listBankAccounts({ access })).toEqual([]);
    await setFault({ kind: 'unauthorised', match: { path: '/bankaccounts$' }, times: 2 });
    expect(await sageErrorOf(client.listBankAccounts({ access }))).toMatchObject({ kind: 'unauthorized' });
  });

  test('a rate limit reports how long to wait, and the client does not retry', async () => {
    await setFault({ kind: 'rate_limited', retry_after: '7', match: { path: '/bankaccounts$' } });
    expect(await sageErrorOf(client.listBankAccounts({ access }))).toMatchObject({
      kind: 'rate_limited',
      retryAfterMs: 7_000,
      errorCode: 'tooManyRequests',
    });
    expect((await countersOf())['rate_limited']).toBe(1);
  });

  test('no answer within the time limit is an unknown outcome, and a slow answer is accepted', async () => {
    await setFault({ kind: 'hang_after_effect', match: { path: '/bankaccounts$' } });
    const withShortTimeout = clientWith({ timeoutMs: 300 });
    expect(await sageErrorOf(withShortTimeout.listBankAccounts({ access }))).toMatchObject({
      reason: 'timeout',
    });
    await setFault({ kind: 'slow', delay_ms: 60_000, match: { path: '/bankaccounts$' } });
    const late = client.listBankAccounts({ access });
    await until(
      async () => {
        await control('POST', '/clock', { advance_ms: 60_000 });
        const { requests } = await control('GET', '/requests?limit=1');
        return (requests as { faults: string[] }[]).some(({ faults }) => faults.includes('slow'));
      },
      { timeoutMs: 4_000, describe: 'the late answer is sent' },
    );
    expect(await late).toEqual([]);
  });
});

/** Removes a violation that a test provokes on purpose; there must be no other. */
async function expectViolation(rule: string): Promise<void> {
  const { violations } = (await control('GET', '/violations')) as { violations: { rule: string }[] };
  expect(violations.map((violation) => violation.rule)).toEqual([rule]);
  await control('DELETE', '/violations');
}
