import type { SageOnboardingFailure, SageOnboardingRefusal } from '../../domain/sage-banking/onboarding.js';
import {
  begunAgain,
  captchaShown,
  companyCreated,
  createSent,
  failureMet,
  newCaptchaWanted,
  onboardingReady,
  onboardingRefused,
  organisationCreated,
  outcomeUnknown,
  resolutionEntered,
  resolutionRefused,
  type OnboardingChange,
  type OnboardingTransition,
  type Why,
} from '../../domain/sage-banking/transitions.js';
import type { Queryable } from '../pool.js';
import { writeTimeline } from '../timeline.js';
import { insertSageCompany, type SageCompanyRow } from './companies.js';
import type { SageOnboardingRow } from './onboardings.js';

/**
 * Writes the steps of an onboarding. Each takes the row as `lockSageOnboarding` answered it, in the same transaction,
 * and writes its timeline entry; what a step changes is decided in `domain/sage-banking/transitions.ts`.
 */

const columnOf: Readonly<Record<keyof OnboardingChange, string>> = {
  state: 'state',
  licenceSealed: 'licence_sealed',
  organisationId: 'organisation_id',
  organisationKeySealed: 'organisation_key_sealed',
  captchaId: 'captcha_id',
  captchaImage: 'captcha_image',
  captchaReceivedAt: 'captcha_received_at',
  captchaText: 'captcha_text',
  captchaFailures: 'captcha_failures',
  registeredAgain: 'registered_again',
  personActedAt: 'person_acted_at',
  createSentAt: 'create_sent_at',
  resolutionSealed: 'resolution_sealed',
  reason: 'reason',
  message: 'message',
};
/** Columns of instants: `now` is the database's time. */
const instants: ReadonlySet<string> = new Set([
  'captchaReceivedAt',
  'personActedAt',
  'createSentAt',
] satisfies (keyof OnboardingChange)[]);

/** Writes the change and its timeline entry. `connectionId`: the company's, once there is one. */
export async function applyOnboarding(
  db: Queryable,
  row: SageOnboardingRow,
  { change, event }: OnboardingTransition,
  connectionId: string | null = null,
): Promise<void> {
  const values: unknown[] = [row.onboardingId];
  const sets = Object.entries(change).map(([field, value]) => {
    const column = columnOf[field as keyof OnboardingChange];
    if (value === 'now' && instants.has(field)) return `${column} = clock_timestamp()`;
    values.push(value);
    return `${column} = $${String(values.length)}`;
  });
  await db.query(
    `UPDATE sage_onboardings SET ${[...sets, 'updated_at = clock_timestamp()'].join(', ')}
      WHERE onboarding_id = $1`,
    values,
  );
  if (event !== null) await report(db, row, event, connectionId);
}

async function report(
  db: Queryable,
  row: SageOnboardingRow,
  event: { kind: string; detail: Readonly<Record<string, unknown>> },
  connectionId: string | null,
): Promise<void> {
  await writeTimeline(db, {
    kind: event.kind,
    customerId: row.customerId,
    connectionId,
    detail: { onboarding_id: row.onboardingId, ...event.detail },
  });
}

/** A captcha for a person to read. */
export async function showCaptcha(
  db: Queryable,
  row: SageOnboardingRow,
  captcha: { captchaId: string; image: string },
): Promise<void> {
  await applyOnboarding(db, row, captchaShown(row, captcha));
}

/** Back to the token service for a new registration and captcha; `why` is null when a person asked for it. */
export async function wantNewCaptcha(
  db: Queryable,
  row: SageOnboardingRow,
  why: Parameters<typeof newCaptchaWanted>[1],
): Promise<void> {
  await applyOnboarding(db, row, newCaptchaWanted(row, why));
}

/** From now on a POST may be under way: commit before sending. Returns the time of sending, which only its own answer clears. */
export async function markCreateSent(db: Queryable, row: SageOnboardingRow): Promise<string> {
  await applyOnboarding(db, row, createSent());
  const { rows } = await db.query<{ create_sent_at: string }>(
    `SELECT create_sent_at FROM sage_onboardings WHERE onboarding_id = $1`,
    [row.onboardingId],
  );
  return rows[0]?.create_sent_at ?? '';
}

/** The next step fails. `notCreated`: the POST that was sent certainly changed nothing. */
export async function recordOnboardingFailure(
  db: Queryable,
  row: SageOnboardingRow,
  input: Why<SageOnboardingFailure> & { notCreated?: boolean },
): Promise<void> {
  await applyOnboarding(db, row, failureMet(row, input));
}

/** The outcome of a POST is unknown: nothing is sent until an operator has determined it. */
export async function markInDoubt(
  db: Queryable,
  row: SageOnboardingRow,
  input: { message: string },
): Promise<void> {
  await applyOnboarding(db, row, outcomeUnknown(row, input));
}

/** What an operator determined, to be confirmed by Sage before it counts. */
export async function storeResolution(
  db: Queryable,
  row: SageOnboardingRow,
  input: { resolutionSealed: string },
): Promise<void> {
  await applyOnboarding(db, row, resolutionEntered(row, input));
}

/** What the operator entered was not confirmed: the outcome is still unknown. */
export async function refuseResolution(
  db: Queryable,
  row: SageOnboardingRow,
  input: { message: string; detail: Readonly<Record<string, unknown>> },
): Promise<void> {
  await applyOnboarding(db, row, resolutionRefused(input));
}

/** An operator found that there is no organisation: the onboarding begins again with the same request. */
export async function beginAgain(db: Queryable, row: SageOnboardingRow): Promise<void> {
  await applyOnboarding(db, row, begunAgain(row));
}

/** Stores an organisation that has no company yet, with its key: the company is created next. */
export async function storeBareOrganisation(
  db: Queryable,
  row: SageOnboardingRow,
  organisation: { organisationId: string; organisationKeySealed: string },
): Promise<void> {
  await applyOnboarding(db, row, organisationCreated(organisation));
}

/** Stores the organisation with its company and key. False, with nothing changed, when we have these ids already. */
export async function storeOnboardedCompany(
  db: Queryable,
  row: SageOnboardingRow,
  company: Omit<SageCompanyRow, 'createdAt' | 'customerId' | 'onboardingId' | 'name'>,
): Promise<boolean> {
  const { onboardingId, customerId } = row;
  const { name } = row.request.company;
  if (!(await insertSageCompany(db, { ...company, onboardingId, customerId, name }))) return false;
  await applyOnboarding(db, row, companyCreated(company), company.connectionId);
  return true;
}

/** The company exists and its key is accepted. */
export async function finishOnboarding(
  db: Queryable,
  row: SageOnboardingRow,
  input: { connectionId: string },
): Promise<void> {
  await applyOnboarding(db, row, onboardingReady(), input.connectionId);
}

/** It ends without an organisation; the customer may begin another one. */
export async function refuseOnboarding(
  db: Queryable,
  row: SageOnboardingRow,
  input: Why<SageOnboardingRefusal> & { detail?: Readonly<Record<string, unknown>> },
): Promise<void> {
  await applyOnboarding(db, row, onboardingRefused(input));
}

/** Sage created an organisation for a request that was abandoned meanwhile; its key is stored in a separate table. */
export async function recordUnclaimedOrganisation(
  db: Queryable,
  row: SageOnboardingRow,
  input: { organisationId: string; companyId: string },
): Promise<void> {
  const detail = { organisation_id: input.organisationId, company_id: input.companyId };
  await report(db, row, { kind: 'sage_organisation_unclaimed', detail }, null);
}
