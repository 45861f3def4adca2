import { randomUUID } from 'node:crypto';
import { askControl } from '../../sandbox/stand-in/ask-control.js';
import { createRutterClient } from '../../src/clients/rutter/client.js';
import { sha256Hex } from '../../src/crypto/hash.js';
import { seal } from '../../src/crypto/seal.js';
import { openHandoff, recordHandoffChoice, recordHandoffLogin } from '../../src/db/rutter/handoffs.js';
import { limits } from '../../src/domain/limits.js';
import { printRedirectTarget, validateRedirectTarget } from '../../src/domain/rutter/redirect-target.js';
import type { Fixture } from '../fixture.js';
import { waitUntil } from '../wait-until.js';
import type { BenchCase, CaseContext } from './bench-case.js';
import { sandboxCredentials, type BenchSandbox } from './sandbox.js';

const accounts = 80;
/** How long Rutter takes for one account. */
const accountMs = 8_000;
/** Created one after another for the comparison; all of them take the same time. */
const comparedAccounts = 20;
const windowMs = limits.handoffLifetimeMs;

/** A handoff with many accounts, against creating the accounts one after another. */
export const handoff: BenchCase = {
  name: 'handoff',
  about: `a handoff with ${accounts} accounts, ${accountMs / 1_000} s each at Rutter, from the choice to the redirect`,
  run: async (context) => {
    const { fixture } = context;
    const sandbox = await fixture.freshSandbox();
    await sandbox.turnKnobs({ accountJobRunMs: accountMs });
    await fixture.startWorker({ RUTTER_REDIRECT_ORIGINS: sandbox.url });
    const compared = oneAfterAnother(sandbox);
    const shared = await shareAll(context, sandbox);
    const perAccountMs = (await compared) / comparedAccounts;
    const published = await atRutter(sandbox, shared.accountIds);
    return {
      figures: [
        {
          name: 'from the choice to the redirect',
          value: shared.tookMs / 1_000,
          unit: 's',
          digits: 0,
          mark: { kind: 'at_most', value: windowMs / 1_000 },
        },
        {
          name: 'accounts published by then',
          value: published.length,
          unit: '',
          mark: { kind: 'exactly', value: accounts },
        },
        {
          name: 'times faster than one after another',
          value: (perAccountMs * accounts) / shared.tookMs,
          unit: '',
          digits: 2,
          mark: { kind: 'at_least', value: 3.5 },
          note: `${(perAccountMs / 1_000).toFixed(2)} s per account, measured on ${comparedAccounts}`,
        },
      ],
      faults: await faultsOf(sandbox, { published, accountIds: shared.accountIds }),
    };
  },
};

/** A customer chooses all accounts; answers when the redirect is stored. */
async function shareAll(
  { fixture, signal }: CaseContext,
  sandbox: BenchSandbox,
): Promise<{ accountIds: string[]; tookMs: number }> {
  const { pool, workflows } = fixture;
  const customerId = 'bench-handoff';
  await pool.query(`INSERT INTO customers (customer_id, name) VALUES ($1, 'Harbour Joinery')`, [customerId]);
  const accountIds = Array.from({ length: accounts }, (_, index) => `bench-handoff-${index}`);
  await pool.query(
    `INSERT INTO accounts (account_id, customer_id, name, type, currency)
     SELECT id, $1, id, 'bank', 'GBP' FROM unnest($2::text[]) AS id`,
    [customerId, accountIds],
  );
  const handoffId = await arrive(fixture, sandbox);
  await recordHandoffLogin(pool, { handoffId, customerId });
  await workflows.loginSucceeded({ handoffId, customerId });
  await recordHandoffChoice(pool, { handoffId, customerId, connectionId: null, accountIds });
  const startedAt = performance.now();
  await workflows.accountsShared({ handoffId });
  await waitUntil(
    async () => {
      const { rows } = await pool.query<{ state: string }>(
        `SELECT state FROM handoffs WHERE handoff_id = $1`,
        [handoffId],
      );
      return rows[0]?.state === 'sharing' ? undefined : true;
    },
    { what: 'the redirect is stored', everyMs: 100, timeoutMs: windowMs + 30_000, signal },
  );
  return { accountIds, tookMs: performance.now() - startedAt };
}

/** The customer has picked the bank in Sage, and the browser has arrived. */
async function arrive({ pool, keyring }: Fixture, sandbox: BenchSandbox): Promise<string> {
  const { challenge, redirect_uri: redirectUri } = await askControl<{
    challenge: string;
    redirect_uri: string;
  }>({ url: sandbox.url, method: 'POST', path: '/challenges', body: {} });
  const verdict = validateRedirectTarget({ redirectUri, challenge, allowedOrigins: [sandbox.url] });
  if (!verdict.ok) throw new Error(`the sandbox's redirect is refused: ${verdict.problem}`);
  const handoffId = sha256Hex(challenge);
  await openHandoff(pool, {
    handoffId,
    lifetimeMs: windowMs,
    redirectSealed: seal(keyring, printRedirectTarget(verdict.target), { table: 'handoffs', row: handoffId }),
    fetchSite: null,
    refererOrigin: null,
  });
  return handoffId;
}

/** The same requests on a connection of their own, each after the answer to the one before. */
async function oneAfterAnother(sandbox: BenchSandbox): Promise<number> {
  const client = createRutterClient({
    baseUrl: sandbox.apiUrl,
    ...sandboxCredentials,
    version: '2024-08-31',
    limiter: { acquire: () => Promise.resolve(), slowDown: () => Promise.resolve() },
  });
  const { accessToken } = await client.createConnection({
    platform: 'SAGE_BANK_FEEDS',
    idempotencyKey: randomUUID(),
  });
  const startedAt = performance.now();
  for (let index = 0; index < comparedAccounts; index += 1) {
    await client.createAccount({
      accessToken,
      idempotencyKey: randomUUID(),
      account: {
        internalBankAccountId: `compared-${index}`,
        bankAccountType: 'bank',
        currencyCode: 'GBP',
        name: 'Trading',
      },
    });
  }
  return performance.now() - startedAt;
}

/** Our ids of the accounts that the sandbox has, one entry each. */
async function atRutter(sandbox: BenchSandbox, accountIds: readonly string[]): Promise<string[]> {
  const { accounts: found } = await askControl<{ accounts: { internal_bank_account_id: string }[] }>({
    url: sandbox.url,
    method: 'GET',
    path: '/accounts',
  });
  const own = new Set(accountIds);
  return found.map((account) => account.internal_bank_account_id).filter((id) => own.has(id));
}

async function faultsOf(
  sandbox: BenchSandbox,
  { published, accountIds }: { published: readonly string[]; accountIds: readonly string[] },
): Promise<string[]> {
  const violations = await sandbox.violations();
  const twice = published.length - new Set(published).size;
  const missing = accountIds.length - new Set(published).size;
  return [
    ...violations.map(({ rule, detail }) => `${rule}: ${detail}`),
    ...(twice > 0 ? [`${twice} accounts were created twice`] : []),
    ...(missing > 0 ? [`${missing} accounts were not published`] : []),
  ];
}
