import { readNewestSageOnboarding } from '../../../src/db/sage-banking/onboardings.js';
import {
  listOpenAccounts,
  listAccounts,
  listCompanies,
  type Actors,
  type SimulatedCustomer,
} from './actors.js';
import type { SageBankingFixture } from './fixture.js';
import { actOnCaptcha, beginOnboarding, resolveUnknownOutcome } from './onboarding.js';
import type { SageBankingPlan } from './plan.js';
import { beginLink, reauthorise, visitBank } from './links.js';

/*
 * After the last fault: customers and operators do what the service cannot do itself, as often as necessary, until no
 * work is open any more.
 */

const roundsMax = 30;
/** Time between two rounds: short at first, then long. */
const shortPauseMs = 2 * 60_000;
const longPauseMs = 10 * 60_000;
const shortPauseRounds = 10;
/** A refusal that no fault caused is the same the next time, so it is not repeated without end. */
const repeatsMax = 3;

/** Returns what is still open at the end, one sentence each. */
export async function finishOpenWork(
  fixture: SageBankingFixture,
  actors: Actors,
  { lostStartsFoundBy }: Pick<SageBankingPlan, 'lostStartsFoundBy'>,
): Promise<string[]> {
  const repeats = new Map<string, number>();
  const mayRepeat = (what: string) => {
    const tries = (repeats.get(what) ?? 0) + 1;
    repeats.set(what, tries);
    return tries <= repeatsMax;
  };
  let open: string[] = [];
  for (let round = 1; round <= roundsMax; round += 1) {
    if (lostStartsFoundBy === 'repair') await fixture.repair();
    else for (const call of actors.unacknowledged.splice(0)) await call();
    for (const customer of actors.customers) await actForCustomer(fixture, actors, { customer, mayRepeat });
    await fixture.sleep(round <= shortPauseRounds ? shortPauseMs : longPauseMs);
    open = [...(await listUnfinished(fixture, actors)), ...(await listUnlinked(fixture, actors, mayRepeat))];
    if (open.length === 0) return [];
  }
  return open.map((what) => `not finished after ${String(roundsMax)} rounds without a fault: ${what}`);
}

interface Turn {
  readonly customer: SimulatedCustomer;
  readonly mayRepeat: (what: string) => boolean;
}

async function actForCustomer(fixture: SageBankingFixture, actors: Actors, turn: Turn): Promise<void> {
  const { customer, mayRepeat } = turn;
  const onboarding = await readNewestSageOnboarding(fixture.pool, customer);
  const { customerId } = customer;
  const hasCompany = (await listCompanies(fixture, actors)).some(
    (company) => company.customerId === customerId,
  );
  if (onboarding === null || (onboarding.state === 'refused' && !hasCompany)) {
    if (mayRepeat(`onboard ${customerId}`)) await beginOnboarding(fixture, customer);
  }
  await actOnCaptcha(fixture, actors, { customer, response: 'right' });
  await resolveUnknownOutcome(fixture, actors, customer);
  await visitBank(fixture, actors, { customer, success: true });
  for (const account of await listOpenAccounts(fixture, actors)) {
    if (account.customerId !== customerId || account.status !== 'authRequired') continue;
    if (await hasLinkOf(fixture, account.sageAccountId)) continue;
    await reauthorise(fixture, actors, account, 'grant');
  }
  for (const bankAccount of await missingAccounts(fixture, actors, customer)) {
    if (!mayRepeat(`link ${bankAccount.number}`)) continue;
    const startDate = '2024-01-01T00:00:00Z';
    await beginLink(fixture, actors, customer, {
      account: bankAccount.index,
      startDate,
      visit: 'grant',
      startLost: false,
    });
  }
}

/** The bank accounts that the customer wants linked, that are not linked and for which no link is waiting. */
async function missingAccounts(fixture: SageBankingFixture, actors: Actors, customer: SimulatedCustomer) {
  const accounts = (await listAccounts(fixture, actors)).filter(
    (row) => row.customerId === customer.customerId && row.status !== 'cancelled',
  );
  const { rows } = await fixture.pool.query<{ linkId: string }>(
    `SELECT link_id AS "linkId" FROM sage_links WHERE customer_id = $1 AND state = 'waiting'`,
    [customer.customerId],
  );
  const waiting = new Set(rows.map(({ linkId }) => actors.links.get(linkId)?.bankAccount));
  return customer.bankAccounts.filter(
    (bankAccount) =>
      bankAccount.isWanted &&
      !waiting.has(bankAccount) &&
      !accounts.some((row) => row.name === bankAccount.name),
  );
}

async function hasLinkOf({ pool }: SageBankingFixture, sageAccountId: string): Promise<boolean> {
  const { rowCount } = await pool.query(
    `SELECT FROM sage_links WHERE sage_account_id = $1 AND state = 'waiting'`,
    [sageAccountId],
  );
  return rowCount !== 0;
}

/** Rows whose state is not final. An account that waits for its bank is not one of them. */
async function listUnfinished({ pool }: SageBankingFixture, actors: Actors): Promise<string[]> {
  const customers = actors.customers.map(({ customerId }) => customerId);
  const { rows } = await pool.query<{ what: string }>(
    `SELECT 'onboarding ' || state || ' ' || coalesce(reason, '') AS what FROM sage_onboardings
      WHERE customer_id = ANY ($1) AND state NOT IN ('ready', 'refused')
     UNION ALL SELECT 'link ' || purpose FROM sage_links WHERE customer_id = ANY ($1) AND state = 'waiting'
     UNION ALL SELECT 'command ' || kind FROM commands WHERE customer_id = ANY ($1) AND state = 'running'
     UNION ALL SELECT 'reprocess run' FROM sage_reprocesses WHERE customer_id = ANY ($1) AND state = 'running'
     UNION ALL SELECT 'account ' || status || ' ' || coalesce(reason, 'to be cancelled') FROM sage_accounts
      WHERE customer_id = ANY ($1) AND status <> 'cancelled'
        AND (reason IS NOT NULL OR status = 'authRequired' OR cancel_requested_at IS NOT NULL)`,
    [customers],
  );
  return rows.map(({ what }) => what);
}

async function listUnlinked(
  fixture: SageBankingFixture,
  actors: Actors,
  mayRepeat: (what: string) => boolean,
): Promise<string[]> {
  const unlinked: string[] = [];
  for (const customer of actors.customers) {
    for (const { kind, number } of await missingAccounts(fixture, actors, customer)) {
      const hasCompany = (await listCompanies(fixture, actors)).some(
        (company) => company.customerId === customer.customerId,
      );
      if (hasCompany && mayRepeat(`see ${number}`)) unlinked.push(`a ${kind} account that is not linked`);
    }
  }
  return unlinked;
}
