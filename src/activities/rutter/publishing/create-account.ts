import { setTimeout as wait } from 'node:timers/promises';
import { ApplicationFailure } from '@temporalio/common';
import { isRateLimit, isRutterError } from '../../../clients/rutter/errors.js';
import { open } from '../../../crypto/seal.js';
import { renewPublishKey, usePublishKey, type AccountToPublish } from '../../../db/rutter/publications.js';
import { failureTypes } from '../../../domain/failures.js';
import type { RutterDeps } from '../deps.js';
import { isSpentKey } from '../explain-refusal.js';
import { readFailure } from '../../failures.js';

/** An account whose job runs longer than this is searched for again by a later attempt. */
const jobPollsMax = 20;
const jobPollEveryMs = 2_000;
/** A request under a key has ended long before this, with whatever outcome. */
const requestOverAfterMs = 60_000;
/** Documented type of errors that concern the whole connection (contract 12). */
const connectionErrorType = 'CONNECTION_ERROR';

export interface PublishingContext {
  readonly deps: RutterDeps;
  readonly customerId: string;
  readonly connectionId: string;
  readonly accessToken: string;
  readonly signal: AbortSignal;
}

export type CreateAccountOutcome =
  | { readonly kind: 'created'; readonly rutterAccountId: string }
  /** Rutter refuses this account; its code, for the timeline. */
  | { readonly kind: 'refused'; readonly errorCode: string | null };

/**
 * Publishes one account at Rutter (contract 6.3) under its stored key. The same key always gives the same
 * account; a key whose final answer was a failure is renewed for the next attempt, which lists first.
 *
 * @throws errors of the client and retryable failures; a refusal of this account alone is a result
 */
export async function createAccount(
  context: PublishingContext,
  account: AccountToPublish,
): Promise<CreateAccountOutcome> {
  const { deps, accessToken, connectionId, signal } = context;
  const { accountId, numberSealed: number } = account;
  const key = await usePublishKey(deps.pool, { connectionId, accountId, requestOverAfterMs });
  if (key === null) throw later('the account has changed since it was published a moment ago');
  try {
    const result = await deps.rutter.createAccount({
      accessToken,
      idempotencyKey: key,
      priority: 'interactive',
      signal,
      account: {
        internalBankAccountId: accountId,
        bankAccountType: account.type,
        currencyCode: account.currency,
        name: account.name,
        bankAccountNumber:
          number === null ? null : open(deps.keyring, number, { table: 'accounts', row: accountId }),
      },
    });
    if (result.kind === 'done') return { kind: 'created', rutterAccountId: result.account.id };
    return await pollAccountJob(context, { accountId, key, jobId: result.jobId });
  } catch (error) {
    return await afterError(context, { accountId, key, error });
  }
}

interface KeyInUse {
  readonly accountId: string;
  readonly key: string;
}

async function afterError(
  context: PublishingContext,
  { error, ...used }: KeyInUse & { error: unknown },
): Promise<CreateAccountOutcome> {
  if (!isRutterError(error)) throw error;
  if (isSpentKey(error)) await renewKey(context, used);
  if (error.kind !== 'refused') throw error;
  // A problem of the connection concerns all its accounts.
  const onlyThisAccount =
    readFailure(error).type === failureTypes.refused && error.errorType !== connectionErrorType;
  if (!onlyThisAccount) throw error;
  return { kind: 'refused', errorCode: error.errorCode };
}

/** The answer took longer than Rutter waits (contract 8.3): its job has the account, or the failure. */
async function pollAccountJob(
  context: PublishingContext,
  { jobId, ...used }: KeyInUse & { jobId: string },
): Promise<CreateAccountOutcome> {
  const { deps, signal } = context;
  for (let polls = 0; polls < jobPollsMax; polls += 1) {
    await wait(jobPollEveryMs, undefined, { signal });
    const job = await deps.rutter.getAccountJob({ jobId, priority: 'interactive', signal });
    if (job.kind === 'success') return { kind: 'created', rutterAccountId: job.account.id };
    if (job.kind === 'failure') {
      await renewKey(context, used);
      const passing = job.httpStatus === null || job.httpStatus >= 500 || isRateLimit(job.httpStatus);
      if (passing) throw later('the job of an account failed for now');
      return { kind: 'refused', errorCode: job.error.errorCode };
    }
  }
  throw later('the job of an account is still running');
}

async function renewKey(
  { deps, connectionId }: PublishingContext,
  { accountId, key }: KeyInUse,
): Promise<void> {
  await renewPublishKey(deps.pool, { connectionId, accountId, spentKey: key });
}

function later(message: string): ApplicationFailure {
  return ApplicationFailure.create({ message, type: failureTypes.providerUnavailable });
}
