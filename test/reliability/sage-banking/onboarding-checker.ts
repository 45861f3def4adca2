import { ORGANISATION_LIMIT } from '../../../sandbox/sage-banking/assumptions.js';
import { accessOf, readSageCompanyOfOnboarding } from '../../../src/db/sage-banking/companies.js';
import { readSageOnboarding, type SageOnboardingRow } from '../../../src/db/sage-banking/onboardings.js';
import {
  captchaFailuresMax,
  type SageOnboardingReason,
} from '../../../src/domain/sage-banking/onboarding.js';
import type { SageBankingActors, SageBankingCustomer } from './actors.js';
import type { SageBankingFixture } from './fixture.js';
import { organisationsAtSage, organisationsOf } from './onboarding.js';
import type { SageBankingPlan } from './plan.js';
import type { SageBankingWatch } from './watch.js';

interface Checked {
  readonly actors: SageBankingActors;
  readonly plan: SageBankingPlan;
  readonly watch: SageBankingWatch;
}

/** Refusals that only a fault explains. */
const faultReasons: readonly (SageOnboardingReason | null)[] = ['provider_refused', 'invalid_request'];

/** One organisation for each onboarding that is ready, none for one that was refused, and no doubt without need. */
export async function checkSageOnboardings(
  fixture: SageBankingFixture,
  { actors, plan, watch }: Checked,
): Promise<string[]> {
  const found: string[] = [];
  for (const customer of actors.customers) {
    const { rows } = await fixture.pool.query<{ onboardingId: string }>(
      `SELECT onboarding_id AS "onboardingId" FROM sage_onboardings WHERE customer_id = $1`,
      [customer.customerId],
    );
    for (const { onboardingId } of rows) {
      const row = await readSageOnboarding(fixture.pool, { onboardingId });
      if (row === null) continue;
      if (row.state === 'ready') found.push(...(await checkReady(fixture, row)));
      else found.push(...(await checkRefused(fixture, { row, customer, plan, watch })));
    }
  }
  found.push(...(await checkUnknownOutcomes(fixture, { actors, watch })));
  if (plan.environment === 'production') found.push(...(await checkLicences(fixture, actors)));
  return found;
}

async function checkReady(fixture: SageBankingFixture, row: SageOnboardingRow): Promise<string[]> {
  const organisations = await organisationsOf(fixture, row);
  const [organisation] = organisations;
  if (organisation === undefined || organisations.length > 1)
    return [`an onboarding is ready and has ${String(organisations.length)} organisations at Sage`];
  const company = await readSageCompanyOfOnboarding(fixture.pool, row);
  if (company === null) return ['an onboarding is ready and has no company'];
  const { organisationId, companyId, signingKey } = accessOf(fixture.keyring, company);
  const key = (await fixture.control('GET', `/organisations/${organisation.id}/key`)) as {
    signing_key: string;
  };
  const isTrue =
    organisationId === organisation.id &&
    companyId === organisation.companies[0]?.id &&
    signingKey === key.signing_key;
  return isTrue ? [] : ['a company has other ids, or another key, than its organisation at Sage'];
}

interface Refused extends Pick<Checked, 'plan' | 'watch'> {
  readonly row: SageOnboardingRow;
  readonly customer: SageBankingCustomer;
}

async function checkRefused(
  fixture: SageBankingFixture,
  { row, customer, plan, watch }: Refused,
): Promise<string[]> {
  if (row.state !== 'refused') return [`an onboarding is ${row.state} in the end (${row.reason ?? ''})`];
  const organisations = await organisationsOf(fixture, row);
  if (organisations.length > 0)
    return [`an onboarding is refused (${row.reason ?? ''}) and has organisations`];
  return (await isTrueReason(fixture, { row, customer, plan, watch }))
    ? []
    : [`an onboarding is refused for ${row.reason ?? 'nothing'}, which is not so`];
}

async function isTrueReason(
  fixture: SageBankingFixture,
  { row, customer, plan, watch }: Refused,
): Promise<boolean> {
  switch (row.reason) {
    case 'invalid_customer':
      return row.kind === 'desktop' && (!customer.planned.licenceIsValid || watch.wordlessRefusals > 0);
    case 'organisation_limit': {
      const taken = await organisationsOfLicence(fixture, customer);
      return row.kind === 'desktop' && taken >= ORGANISATION_LIMIT[plan.environment];
    }
    case 'captcha_failed':
      return customer.wrongCaptchas >= captchaFailuresMax;
    default:
      return faultReasons.includes(row.reason) && refusals(plan).length > 0;
  }
}

/** Faults of the plan that say no to whom they should not. */
function refusals({ faultsFirst, steps }: SageBankingPlan) {
  const specs = [...faultsFirst, ...steps.flatMap(({ step }) => (step.kind === 'fault' ? [step.spec] : []))];
  return specs.filter(({ kind }) => kind === 'status');
}

async function organisationsOfLicence(
  fixture: SageBankingFixture,
  { serial }: SageBankingCustomer,
): Promise<number> {
  return (await organisationsAtSage(fixture)).filter(({ licence }) => licence?.includes(serial) === true)
    .length;
}

/** Each doubt was a POST whose answer was lost, or the death of whoever had sent it, or may have. */
async function checkUnknownOutcomes(
  { pool }: SageBankingFixture,
  { actors, watch }: Pick<Checked, 'actors' | 'watch'>,
): Promise<string[]> {
  const { rows } = await pool.query<{ doubts: number }>(
    `SELECT count(*)::int AS doubts FROM timeline
      WHERE kind = 'sage_onboarding_in_doubt' AND customer_id = ANY ($1)`,
    [actors.customers.map(({ customerId }) => customerId)],
  );
  const doubts = rows[0]?.doubts ?? 0;
  const unknowable = watch.lostOrganisationAnswers + watch.struckOnboardings;
  return doubts <= unknowable
    ? []
    : [`${String(doubts)} doubts, of which at most ${String(unknowable)} could not have been known better`];
}

async function checkLicences(fixture: SageBankingFixture, actors: SageBankingActors): Promise<string[]> {
  const found: string[] = [];
  for (const customer of actors.customers) {
    const organisations = await organisationsOfLicence(fixture, customer);
    if (organisations > ORGANISATION_LIMIT.production)
      found.push(`${String(organisations)} organisations for one licence in production`);
  }
  return found;
}
