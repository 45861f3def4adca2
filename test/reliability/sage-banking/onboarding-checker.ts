import { ORGANISATION_LIMIT } from '../../../sandbox/sage-banking/assumptions.js';
import { accessOf, readSageCompanyOfOnboarding } from '../../../src/db/sage-banking/companies.js';
import { readSageOnboarding, type SageOnboardingRow } from '../../../src/db/sage-banking/onboardings.js';
import {
  captchaFailuresMax,
  type SageOnboardingReason,
} from '../../../src/domain/sage-banking/onboarding.js';
import type { RoadCast, RoadCustomer } from './actors.js';
import type { SageRoadGround } from './fixture.js';
import { organisationsAtSage, organisationsOf } from './onboarding.js';
import type { SageRoadPlan } from './plan.js';
import type { SageRoadWatch } from './watch.js';

interface Judged {
  readonly cast: RoadCast;
  readonly plan: SageRoadPlan;
  readonly watch: SageRoadWatch;
}

/** Refusals that only a fault explains. */
const faultReasons: readonly (SageOnboardingReason | null)[] = ['provider_refused', 'invalid_request'];

/** One organisation for each onboarding that is ready, none for one that was refused, and no doubt without need. */
export async function judgeSageOnboardings(
  ground: SageRoadGround,
  { cast, plan, watch }: Judged,
): Promise<string[]> {
  const found: string[] = [];
  for (const customer of cast.customers) {
    const { rows } = await ground.pool.query<{ onboardingId: string }>(
      `SELECT onboarding_id AS "onboardingId" FROM sage_onboardings WHERE customer_id = $1`,
      [customer.customerId],
    );
    for (const { onboardingId } of rows) {
      const row = await readSageOnboarding(ground.pool, { onboardingId });
      if (row === null) continue;
      if (row.state === 'ready') found.push(...(await judgeReady(ground, row)));
      else found.push(...(await judgeRefused(ground, { row, customer, plan, watch })));
    }
  }
  found.push(...(await judgeDoubts(ground, { cast, watch })));
  if (plan.environment === 'production') found.push(...(await judgeLicences(ground, cast)));
  return found;
}

async function judgeReady(ground: SageRoadGround, row: SageOnboardingRow): Promise<string[]> {
  const organisations = await organisationsOf(ground, row);
  const [organisation] = organisations;
  if (organisation === undefined || organisations.length > 1)
    return [`an onboarding is ready and has ${String(organisations.length)} organisations at Sage`];
  const company = await readSageCompanyOfOnboarding(ground.pool, row);
  if (company === null) return ['an onboarding is ready and has no company'];
  const { organisationId, companyId, signingKey } = accessOf(ground.keyring, company);
  const key = (await ground.control('GET', `/organisations/${organisation.id}/key`)) as {
    signing_key: string;
  };
  const isTrue =
    organisationId === organisation.id &&
    companyId === organisation.companies[0]?.id &&
    signingKey === key.signing_key;
  return isTrue ? [] : ['a company has other ids, or another key, than its organisation at Sage'];
}

interface Refused extends Pick<Judged, 'plan' | 'watch'> {
  readonly row: SageOnboardingRow;
  readonly customer: RoadCustomer;
}

async function judgeRefused(
  ground: SageRoadGround,
  { row, customer, plan, watch }: Refused,
): Promise<string[]> {
  if (row.state !== 'refused') return [`an onboarding is ${row.state} in the end (${row.reason ?? ''})`];
  const organisations = await organisationsOf(ground, row);
  if (organisations.length > 0)
    return [`an onboarding is refused (${row.reason ?? ''}) and has organisations`];
  return (await isTrueReason(ground, { row, customer, plan, watch }))
    ? []
    : [`an onboarding is refused for ${row.reason ?? 'nothing'}, which is not so`];
}

async function isTrueReason(
  ground: SageRoadGround,
  { row, customer, plan, watch }: Refused,
): Promise<boolean> {
  switch (row.reason) {
    case 'invalid_customer':
      return row.kind === 'desktop' && (!customer.planned.licenceIsValid || watch.wordlessRefusals > 0);
    case 'organisation_limit': {
      const taken = await organisationsOfLicence(ground, customer);
      return row.kind === 'desktop' && taken >= ORGANISATION_LIMIT[plan.environment];
    }
    case 'captcha_failed':
      return customer.wrongCaptchas >= captchaFailuresMax;
    default:
      return faultReasons.includes(row.reason) && refusals(plan).length > 0;
  }
}

/** Faults of the plan that say no to whom they should not. */
function refusals({ faultsFirst, steps }: SageRoadPlan) {
  const specs = [...faultsFirst, ...steps.flatMap(({ step }) => (step.kind === 'fault' ? [step.spec] : []))];
  return specs.filter(({ kind }) => kind === 'status');
}

async function organisationsOfLicence(ground: SageRoadGround, { serial }: RoadCustomer): Promise<number> {
  return (await organisationsAtSage(ground)).filter(({ licence }) => licence?.includes(serial) === true)
    .length;
}

/** Each doubt was a POST whose answer was lost, or the death of whoever had sent it, or may have. */
async function judgeDoubts(
  { pool }: SageRoadGround,
  { cast, watch }: Pick<Judged, 'cast' | 'watch'>,
): Promise<string[]> {
  const { rows } = await pool.query<{ doubts: number }>(
    `SELECT count(*)::int AS doubts FROM timeline
      WHERE kind = 'sage_onboarding_in_doubt' AND customer_id = ANY ($1)`,
    [cast.customers.map(({ customerId }) => customerId)],
  );
  const doubts = rows[0]?.doubts ?? 0;
  const unknowable = watch.lostOrganisationAnswers + watch.struckOnboardings;
  return doubts <= unknowable
    ? []
    : [`${String(doubts)} doubts, of which at most ${String(unknowable)} could not have been known better`];
}

async function judgeLicences(ground: SageRoadGround, cast: RoadCast): Promise<string[]> {
  const found: string[] = [];
  for (const customer of cast.customers) {
    const organisations = await organisationsOfLicence(ground, customer);
    if (organisations > ORGANISATION_LIMIT.production)
      found.push(`${String(organisations)} organisations for one licence in production`);
  }
  return found;
}
