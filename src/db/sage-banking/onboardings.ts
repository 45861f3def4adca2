import type { Keyring } from '../../crypto/keyring.js';
import { open, seal } from '../../crypto/seal.js';
import type { SageOnboardingState } from '../../domain/sage-banking/states.js';
import {
  sageOnboardingWaits,
  type SageOnboardingReason,
  type SageOrganisationOrder,
  type SageProductKind,
} from '../../domain/sage-banking/onboarding.js';
import { literals, type Queryable } from '../pool.js';
import { writeTimeline } from '../timeline.js';

/**
 * Onboardings at Sage's Banking Service: the request, the captcha that a person has to read, and the result. Licence
 * details and what an operator entered are sealed for `{table: 'sage_onboardings', row: onboardingId, column}` and
 * are cleared at the end. The steps of a row are in `onboarding-steps.ts`.
 */

export interface SageOnboardingRow {
  readonly onboardingId: string;
  readonly customerId: string;
  readonly kind: SageProductKind;
  readonly request: SageOrganisationOrder;
  readonly licenceSealed: string | null;
  /** The organisation that the company is created in; null: both are created by one request. */
  readonly organisationId: string | null;
  readonly organisationKeySealed: string | null;
  readonly termsAcceptedAt: string;
  readonly state: SageOnboardingState;
  readonly captchaId: string | null;
  /** A data URL. */
  readonly captchaImage: string | null;
  readonly captchaText: string | null;
  readonly captchaFailures: number;
  readonly registeredAgain: boolean;
  readonly createSentAt: string | null;
  readonly resolutionSealed: string | null;
  readonly reason: SageOnboardingReason | null;
  readonly message: string | null;
  readonly createdAt: string;
  readonly updatedAt: string;
  /** Ages by the database's clock; null without a captcha. */
  readonly captchaAgeMs: number | null;
  readonly untouchedMs: number;
  /** Time since a person last acted on it. */
  readonly unattendedMs: number;
}

/** Word for word the condition of the partial indexes: `NOT IN` the others would not use them. */
const isOpen = `state IN ('registering', 'waiting_captcha', 'creating', 'in_doubt')`;
const ageOf = (column: string): string => `extract(epoch FROM clock_timestamp() - ${column})::float8 * 1000`;

const columns = `
  onboarding_id AS "onboardingId", customer_id AS "customerId", kind, request, licence_sealed AS "licenceSealed",
  organisation_id AS "organisationId", organisation_key_sealed AS "organisationKeySealed",
  terms_accepted_at AS "termsAcceptedAt", state, captcha_id AS "captchaId", captcha_image AS "captchaImage",
  captcha_text AS "captchaText", captcha_failures AS "captchaFailures", registered_again AS "registeredAgain",
  create_sent_at AS "createSentAt", resolution_sealed AS "resolutionSealed", reason, message,
  created_at AS "createdAt", updated_at AS "updatedAt", ${ageOf('captcha_received_at')} AS "captchaAgeMs",
  ${ageOf('updated_at')} AS "untouchedMs", ${ageOf('person_acted_at')} AS "unattendedMs"`;

/** What is sealed in the row: `{key, value}` pairs of the licence, what an operator entered, or the organisation's key. */
type SealedColumn = 'licence' | 'resolution' | 'organisation_key';

/** A secret of the onboarding as it may be stored in that column of its row, and only there. */
export function sealOnboardingSecret(
  keyring: Keyring,
  input: { onboardingId: string; column: SealedColumn; secret: unknown },
): string {
  const { onboardingId: row, column, secret } = input;
  return seal(keyring, JSON.stringify(secret), { table: 'sage_onboardings', row, column });
}

/** @throws UnsealError */
export function openOnboardingSecret(
  keyring: Keyring,
  input: { onboardingId: string; column: SealedColumn; sealed: string },
): unknown {
  const { onboardingId: row, column, sealed } = input;
  return JSON.parse(open(keyring, sealed, { table: 'sage_onboardings', row, column }));
}

export type InsertedSageOnboarding =
  /** Stored now, or by an earlier try of the same call. */
  | { readonly kind: 'stored' }
  /** The customer has another one that is not over. */
  | { readonly kind: 'other_open'; readonly onboardingId: string; readonly state: SageOnboardingState };

/**
 * Stores an onboarding with its timeline row, unless its customer has one that is not over. Call it in a transaction.
 */
export async function insertSageOnboarding(
  db: Queryable,
  input: {
    onboardingId: string;
    customerId: string;
    kind: SageProductKind;
    request: SageOrganisationOrder;
    licenceSealed: string | null;
    termsAcceptedAt: string;
    /** Of a further company: the organisation that exists. */
    organisation?: { organisationId: string; organisationKeySealed: string };
  },
): Promise<InsertedSageOnboarding> {
  const { onboardingId, customerId, kind } = input;
  const { rowCount } = await db.query(
    `INSERT INTO sage_onboardings
       (onboarding_id, customer_id, kind, request, licence_sealed, terms_accepted_at, state, organisation_id,
        organisation_key_sealed)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING`,
    [
      onboardingId,
      customerId,
      kind,
      JSON.stringify(input.request),
      input.licenceSealed,
      input.termsAcceptedAt,
      kind === 'cloud' ? 'creating' : 'registering',
      input.organisation?.organisationId ?? null,
      input.organisation?.organisationKeySealed ?? null,
    ],
  );
  if (rowCount === 1) {
    await writeTimeline(db, {
      kind: 'sage_onboarding_begun',
      customerId,
      detail: {
        onboarding_id: onboardingId,
        product: kind,
        ...(input.organisation === undefined ? {} : { organisation_id: input.organisation.organisationId }),
      },
    });
    return { kind: 'stored' };
  }
  const { rows } = await db.query<{ onboarding_id: string; state: SageOnboardingState }>(
    `SELECT onboarding_id, state FROM sage_onboardings
      WHERE customer_id = $1 AND (onboarding_id = $2 OR ${isOpen})
      ORDER BY onboarding_id = $2 DESC LIMIT 1`,
    [customerId, onboardingId],
  );
  const found = rows[0];
  // The other onboarding has ended meanwhile.
  if (found === undefined) return await insertSageOnboarding(db, input);
  if (found.onboarding_id === onboardingId) return { kind: 'stored' };
  return { kind: 'other_open', onboardingId: found.onboarding_id, state: found.state };
}

/** The one onboarding of a customer that is not over, or null. */
export async function readOpenOnboarding(
  db: Queryable,
  input: { customerId: string },
): Promise<{ onboardingId: string } | null> {
  const { rows } = await db.query<{ onboardingId: string }>(
    `SELECT onboarding_id AS "onboardingId" FROM sage_onboardings WHERE customer_id = $1 AND ${isOpen}`,
    [input.customerId],
  );
  return rows[0] ?? null;
}

/** The onboarding, or null when there is none. */
export async function readSageOnboarding(
  db: Queryable,
  input: { onboardingId: string },
): Promise<SageOnboardingRow | null> {
  const { rows } = await db.query<SageOnboardingRow>(
    `SELECT ${columns} FROM sage_onboardings WHERE onboarding_id = $1`,
    [input.onboardingId],
  );
  return rows[0] ?? null;
}

/** The onboarding, its row locked until the transaction ends; null when there is none. */
export async function lockSageOnboarding(
  db: Queryable,
  input: { onboardingId: string },
): Promise<SageOnboardingRow | null> {
  const { rows } = await db.query<SageOnboardingRow>(
    `SELECT ${columns} FROM sage_onboardings WHERE onboarding_id = $1 FOR UPDATE`,
    [input.onboardingId],
  );
  return rows[0] ?? null;
}

/** A customer's newest onboarding, for its pages; null when there is none. */
export async function readNewestSageOnboarding(
  db: Queryable,
  input: { customerId: string },
): Promise<SageOnboardingRow | null> {
  const { rows } = await db.query<SageOnboardingRow>(
    `SELECT ${columns} FROM sage_onboardings WHERE customer_id = $1
      ORDER BY created_at DESC LIMIT 1`,
    [input.customerId],
  );
  return rows[0] ?? null;
}

/** Newer ones may have no workflow yet: the process that wrote them may still be starting it. */
const completedAfter = `interval '1 minute'`;
/** A workflow that waits for an operator touches its row every hour; one that does not has lost its signal. */
const untouchedAfter = `interval '2 hours'`;

/**
 * Something that its workflow should have done by now: a step without a recorded failure, or what an
 * operator entered. After a failure the workflow retries by itself.
 */
const isCheckRequested = `(state IN ('registering', 'creating') OR resolution_sealed IS NOT NULL)
  AND updated_at < clock_timestamp() - CASE
    WHEN state IN ('registering', 'creating') AND reason IN (${literals(sageOnboardingWaits)}) THEN ${untouchedAfter}
    ELSE ${completedAfter} END`;

export interface OnboardingToCheck {
  readonly onboardingId: string;
  /** Its workflow may wait for a signal that was lost: signal it, instead of starting it only. */
  readonly isCheckRequested: boolean;
}

/** Onboardings that are not over, by id: each has a workflow, or the repair job starts it again. */
export async function listOnboardingsToCheck(
  db: Queryable,
  input: { afterId: string | null; limit: number },
): Promise<OnboardingToCheck[]> {
  const { rows } = await db.query<OnboardingToCheck>(
    `SELECT onboarding_id AS "onboardingId", ${isCheckRequested} AS "isCheckRequested" FROM sage_onboardings
      WHERE ${isOpen} AND ($1::uuid IS NULL OR onboarding_id > $1)
      ORDER BY onboarding_id LIMIT $2`,
    [input.afterId, input.limit],
  );
  return rows;
}
