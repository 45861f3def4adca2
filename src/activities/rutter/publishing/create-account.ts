import { setTimeout as wait } from 'node:timers/promises';
import { ApplicationFailure } from '@temporalio/common';
import { isRateLimit, isRutterError, type RutterErrorBody } from '../../../clients/rutter/errors.js';
import { factsInBody, fieldsNamedIn } from '../../../clients/rutter/new-account.js';
import { open } from '../../../crypto/seal.js';
import type { Queryable } from '../../../db/pool.js';
import type { AccountToPublish } from '../../../db/rutter/publications.js';
import { renewPublishKey, usePublishKey } from '../../../db/rutter/publish-keys.js';
import { areAccountFactsRefused, recordFactsRefused } from '../../../db/rutter/refused-account-facts.js';
import { failureTypes } from '../../../domain/failures.js';
import type { RutterDeps } from '../deps.js';
import { isSpentKey } from '../explain-refusal.js';
import { readFailure } from '../../failures.js';
import { bodyContext, prepareBody, prepareOldBody, type FactsChoice } from './account-body.js';

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
  /**
   * Whether what asked for the accounts still wants this one; in a transaction the answer stays true until it ends. The
   * connection is locked before, publications and feeds after.
   */
  readonly holdWanted: (db: Queryable, account: { readonly accountId: string }) => Promise<boolean>;
}

/** What asked for the accounts has ended meanwhile: nothing more is published for it. */
export class NotWanted extends Error {
  override readonly name = 'NotWanted';
  constructor() {
    super('the account is not to be published any more');
  }
}

export type CreateAccountOutcome =
  | { readonly kind: 'created'; readonly rutterAccountId: string }
  /** Rutter refuses this account; its code, for the timeline. */
  | { readonly kind: 'refused'; readonly errorCode: string | null };

/** Another outcome of one request: Rutter names further facts of the account that it does not take. */
type RequestOutcome =
  | CreateAccountOutcome
  | { readonly kind: 'facts_refused'; readonly errorCode: string | null };

/**
 * Publishes one account at Rutter (contract 6.3) under its stored key and body. The same key always gives the same
 * account; a key whose final answer was a failure is renewed for the next attempt, which lists first. When Rutter names
 * further facts of the account in its refusal, it is asked once more without them, under a new key.
 *
 * @throws NotWanted; errors of the client and retryable failures; a refusal of this account alone is a result
 */
export async function createAccount(
  context: PublishingContext,
  account: AccountToPublish,
): Promise<CreateAccountOutcome> {
  const first = await requestAccount(context, account);
  if (first.kind !== 'facts_refused') return first;
  const second = await requestAccount(context, account);
  return second.kind === 'facts_refused' ? { ...second, kind: 'refused' } : second;
}

async function requestAccount(
  context: PublishingContext,
  { accountId }: AccountToPublish,
): Promise<RequestOutcome> {
  const { deps, accessToken, signal, holdWanted } = context;
  const request = await preparedRequest(context, accountId);
  if (request === null) throw later('the account has changed since it was published a moment ago');
  // The last thing before the request: a key that is not used is used by the next handoff.
  if (!(await holdWanted(deps.pool, { accountId }))) throw new NotWanted();
  const { key, body } = request;
  try {
    const result = await deps.rutter.createAccount({
      accessToken,
      idempotencyKey: key,
      priority: 'interactive',
      signal,
      body,
    });
    if (result.kind === 'done') return { kind: 'created', rutterAccountId: result.account.id };
    return await pollAccountJob(context, { accountId, key, body, jobId: result.jobId });
  } catch (error) {
    return await afterError(context, { accountId, key, body, error });
  }
}

/** The key and body to send, both stored; null while an earlier request with another body may be under way. */
async function preparedRequest(
  { deps, connectionId, customerId }: PublishingContext,
  accountId: string,
): Promise<{ key: string; body: string } | null> {
  const { pool, keyring, settings } = deps;
  const facts = settings.accountFacts === 'supported' ? 'not_configured' : await factsToSend(deps);
  const request = await usePublishKey(pool, {
    connectionId,
    accountId,
    customerId,
    requestOverAfterMs,
    prepareBody: (account) => prepareBody(deps, { connectionId, account, facts }),
    prepareOldBody: (account) => prepareOldBody(deps, { connectionId, account }),
  });
  if (request === null) return null;
  return {
    key: request.key,
    body: open(keyring, request.bodySealed, bodyContext({ connectionId, accountId })),
  };
}

async function factsToSend({ pool }: RutterDeps): Promise<FactsChoice> {
  return (await areAccountFactsRefused(pool)) ? 'refused' : 'sent';
}

interface RequestInUse {
  readonly accountId: string;
  readonly key: string;
  readonly body: string;
}

async function afterError(
  context: PublishingContext,
  { error, ...used }: RequestInUse & { error: unknown },
): Promise<RequestOutcome> {
  if (!isRutterError(error)) throw error;
  // A problem of the connection concerns all its accounts.
  const onlyThisAccount =
    error.kind === 'refused' &&
    readFailure(error).type === failureTypes.refused &&
    error.errorType !== connectionErrorType;
  if (onlyThisAccount && (await areFactsRefused(context, used, error)))
    return { kind: 'facts_refused', errorCode: error.errorCode };
  if (isSpentKey(error)) await renewKey(context, used);
  if (!onlyThisAccount) throw error;
  return { kind: 'refused', errorCode: error.errorCode };
}

/** Whether a refusal names further facts that were sent; it is then remembered, and the key is a new one. */
async function areFactsRefused(
  { deps, connectionId, customerId }: PublishingContext,
  { accountId, key, body }: RequestInUse,
  { errorCode, errorMessage }: Pick<RutterErrorBody, 'errorCode' | 'errorMessage'>,
): Promise<boolean> {
  const fields = fieldsNamedIn(errorMessage, factsInBody(body));
  if (fields.length === 0) return false;
  await recordFactsRefused(deps.pool, {
    customerId,
    connectionId,
    accountId,
    spentKey: key,
    fields,
    errorCode,
  });
  return true;
}

/** The answer took longer than Rutter waits (contract 8.3): its job has the account, or the failure. */
async function pollAccountJob(
  context: PublishingContext,
  { jobId, ...used }: RequestInUse & { jobId: string },
): Promise<RequestOutcome> {
  const { deps, signal } = context;
  for (let polls = 0; polls < jobPollsMax; polls += 1) {
    await wait(jobPollEveryMs, undefined, { signal });
    const job = await deps.rutter.getAccountJob({ jobId, priority: 'interactive', signal });
    if (job.kind === 'success') return { kind: 'created', rutterAccountId: job.account.id };
    if (job.kind === 'failure') {
      const passing = job.httpStatus === null || job.httpStatus >= 500 || isRateLimit(job.httpStatus);
      if (!passing && (await areFactsRefused(context, used, job.error)))
        return { kind: 'facts_refused', errorCode: job.error.errorCode };
      await renewKey(context, used);
      if (passing) throw later('the job of an account failed for now');
      return { kind: 'refused', errorCode: job.error.errorCode };
    }
  }
  throw later('the job of an account is still running');
}

async function renewKey(
  { deps, connectionId }: PublishingContext,
  { accountId, key }: RequestInUse,
): Promise<void> {
  await renewPublishKey(deps.pool, { connectionId, accountId, spentKey: key });
}

function later(message: string): ApplicationFailure {
  return ApplicationFailure.create({ message, type: failureTypes.providerUnavailable });
}
