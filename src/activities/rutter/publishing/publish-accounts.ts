import { ApplicationFailure } from '@temporalio/common';
import { cancellationSignal } from '@temporalio/activity';
import { openAccessToken, readConnection } from '../../../db/connections.js';
import {
  askPartialSharing,
  holdSharing,
  withdrawPartialQuestion,
} from '../../../db/rutter/handoff-progress.js';
import type { Queryable } from '../../../db/pool.js';
import { readHandoff, type HandoffRow } from '../../../db/rutter/handoffs.js';
import {
  prepareAccountsToPublish,
  type AccountRefusal,
  type AccountToPublish,
} from '../../../db/rutter/publications.js';
import { failureTypes } from '../../../domain/failures.js';
import type { HandoffReason, HandoffState } from '../../../domain/rutter/handoff.js';
import { publishingTimeMs } from '../../../domain/rutter/handoff-limits.js';
import type { RutterDeps } from '../deps.js';
import { explainRefusal } from '../explain-refusal.js';
import { Obsolete } from '../../failures.js';
import { workOnHandoff } from '../handoff/work-on-handoff.js';
import type { PublishingContext } from './create-account.js';
import { publishInParallel, type PublishingOutcome } from './publish-in-parallel.js';
import { whileHeartbeating } from '../../while-heartbeating.js';

/*
 * Publishes the accounts of a handoff at Rutter (contract 4 step 4, 6.3), some at a time, and gives each a feed with a
 * running workflow. A repeat is safe at any point: it lists first and uses what exists, the rest goes out under the keys
 * stored before the first call, a feed's row is written once per account and connection, and waking a workflow twice is
 * harmless. An account that Rutter refuses does not stop the others: the customer is asked whether to go on without it.
 * Once the handoff has ended, by its customer or a newer window, no account is published and no feed opened any more.
 * It ends `otpReserveMs` before the latest moment of the one-time password: what is missing then is published later.
 * Failures: ProviderUnavailable, RateLimited, DatabaseUnavailable (retried); Refused, ConnectionRefused,
 * CredentialsRejected, Obsolete.
 */

export interface PublishAccountsInput {
  readonly handoffId: string;
  /** The workflow can wait for the customer's answer. Absent from runs that began before version 0.3.0. */
  readonly mayAsk?: boolean;
}

export type PublishAccountsResult =
  | {
      readonly outcome: 'published';
      readonly published: number;
      readonly refused: number;
      /** Not published when time ran out: published later. */
      readonly missing?: number;
    }
  /** Some were refused, others are published: the customer is asked whether to go on. Only with `mayAsk`. */
  | { readonly outcome: 'asked'; readonly published: number; readonly refused: number }
  | { readonly outcome: 'refused'; readonly reason: HandoffReason; readonly errorCode?: string }
  | { readonly outcome: 'over'; readonly state: HandoffState };

export function rutterPublishAccounts(deps: RutterDeps) {
  return (input: PublishAccountsInput): Promise<PublishAccountsResult> =>
    whileHeartbeating(() => workOnHandoff(deps, input, () => publishAccounts(deps, input)));
}

async function publishAccounts(
  deps: RutterDeps,
  input: PublishAccountsInput,
): Promise<PublishAccountsResult> {
  const handoff = await readHandoff(deps.pool, input);
  if (handoff?.customerId == null || handoff.connectionId === null) {
    throw new Obsolete('the handoff has no customer or connection');
  }
  if (handoff.state !== 'sharing' || handoff.remainingMs <= 0)
    return { outcome: 'over', state: handoff.state };
  const { handoffId, customerId, connectionId, accountIds } = handoff;
  const accounts = await prepareAccountsToPublish(deps.pool, {
    customerId,
    connectionId,
    handoffId,
    accountIds,
    bankTimeZone: deps.settings.bankTimeZone,
  });
  if (accounts.length === 0) return { outcome: 'refused', reason: 'no_accounts' };
  const connection = await readConnection(deps.pool, { connectionId });
  if (connection?.customerId !== customerId || connection.unlinkRequestedAt !== null)
    return { outcome: 'refused', reason: 'connection_unavailable' };
  const accessToken = openAccessToken(deps.keyring, connection);
  const context = {
    deps,
    customerId,
    connectionId,
    accessToken,
    signal: cancellationSignal(),
    holdWanted: (db: Queryable) => holdSharing(db, { handoffId }),
  };
  try {
    return await publishInTime(context, { handoff, accounts, mayAsk: input.mayAsk ?? false });
  } catch (error) {
    throw await explainRefusal(deps, { connectionId, error });
  }
}

interface Publishing {
  readonly handoff: HandoffRow;
  readonly accounts: readonly AccountToPublish[];
  readonly mayAsk: boolean;
}

async function publishInTime(
  context: PublishingContext,
  { handoff, accounts, mayAsk }: Publishing,
): Promise<PublishAccountsResult> {
  const { deps, connectionId } = context;
  const endsAtMs = performance.now() + timeLeftMs(deps, handoff);
  const outcome = await publishInParallel(context, accounts, { timeMs: endsAtMs - performance.now() });
  if (outcome.notWanted > 0) return { outcome: 'over', state: await stateOf(deps, handoff) };
  const isTimeUp = performance.now() >= endsAtMs;
  if (outcome.missing > 0 && (!isTimeUp || deps.stopping.aborted)) throw retryLater(outcome);
  const { published, missing } = outcome;
  const refused = outcome.refusals.length;
  if (published === 0) return nothingPublished(outcome);
  await deps.workflows.wakeConnection({ connectionId });
  const goesOn = { outcome: 'published' as const, published, refused, ...(missing === 0 ? {} : { missing }) };
  if (refused === 0) {
    if (handoff.partialSharing === 'asked') await withdrawPartialQuestion(deps.pool, handoff);
    return goesOn;
  }
  // Without time for an answer the handoff goes on: what is refused is named on the page.
  if (!mayAsk || isTimeUp) return goesOn;
  switch (await askPartialSharing(deps.pool, handoff)) {
    case 'asked':
      return { outcome: 'asked', published, refused };
    case 'declined':
      return { outcome: 'refused', reason: 'declined' };
    case 'accepted':
      return goesOn;
    case null:
      return { outcome: 'over', state: await stateOf(deps, handoff) };
  }
}

async function stateOf(deps: RutterDeps, handoff: HandoffRow): Promise<HandoffState> {
  return (await readHandoff(deps.pool, handoff))?.state ?? 'expired';
}

function timeLeftMs({ settings }: RutterDeps, handoff: HandoffRow): number {
  return publishingTimeMs({ ...handoff, otpLatestMs: settings.handoffOtpLatestMs });
}

/** A password for no account at all would help nobody. */
function nothingPublished({ refusals }: PublishingOutcome): PublishAccountsResult {
  const [first] = refusals;
  if (first === undefined) return { outcome: 'refused', reason: 'provider_unavailable' };
  return { outcome: 'refused', ...refusalOf(first) };
}

function refusalOf({ reason, errorCode }: AccountRefusal): { reason: HandoffReason; errorCode?: string } {
  if (reason === 'connection_unlinking') return { reason: 'connection_unavailable' };
  return { reason, ...(errorCode === null ? {} : { errorCode }) };
}

/** Some accounts failed for now, or this worker stops: the next attempt goes on with those that are missing. */
function retryLater({ failure, missing }: PublishingOutcome): unknown {
  return (
    failure ??
    ApplicationFailure.create({
      message: `${String(missing)} accounts are left to publish`,
      type: failureTypes.providerUnavailable,
    })
  );
}
