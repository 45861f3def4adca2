import { ApplicationFailure } from '@temporalio/common';
import pLimit from 'p-limit';
import { accountCreationsInParallel } from '../../../clients/rutter/assumptions.js';
import { isRutterError } from '../../../clients/rutter/errors.js';
import type { AccountRefusal, AccountToPublish } from '../../../db/rutter/publications.js';
import { readFailure } from '../../failures.js';
import { NotWanted, type PublishingContext } from './create-account.js';
import { listAccounts } from './list-accounts.js';
import { matchAccount } from './match-account.js';
import { publishAccount } from './publish-account.js';

export interface PublishingOutcome {
  readonly published: number;
  readonly refusals: readonly AccountRefusal[];
  /** Not published yet: their turn did not come in time, or they failed for now. */
  readonly missing: number;
  /** Not published, since what asked for them has ended meanwhile. */
  readonly notWanted: number;
  /** The first failure of an account that a retry may solve. */
  readonly failure: unknown;
}

/**
 * Publishes accounts of one connection, `settings.publishConcurrency` at a time, after one list of what Rutter has. An
 * account that fails for now does not stop the others. `timeMs` ends it: no account is begun any more and requests
 * under way are given up, which is safe, since each is repeated under its stored key.
 *
 * @throws what concerns all accounts: a refused connection, the database, Temporal, or cancellation
 */
export async function publishInParallel(
  context: PublishingContext,
  accounts: readonly AccountToPublish[],
  input: { timeMs: number },
): Promise<PublishingOutcome> {
  const known = await listAccounts(context);
  const { deps } = context;
  const timeIsUp = AbortSignal.timeout(Math.max(1, Math.ceil(input.timeMs)));
  const stopped = new AbortController();
  const signal = AbortSignal.any([context.signal, timeIsUp, stopped.signal]);
  const outcome = {
    published: 0,
    refusals: [] as AccountRefusal[],
    missing: 0,
    notWanted: 0,
    failure: null as unknown,
  };
  const fatal: unknown[] = [];

  const publish = async (account: AccountToPublish): Promise<void> => {
    // What Rutter has already needs no request, so it counts however late it is.
    const isAtRutter = account.refused !== null || matchAccount(account, known).kind !== 'missing';
    const isOver = isAtRutter ? context.signal.aborted || stopped.signal.aborted : signal.aborted;
    if (isOver || deps.stopping.aborted) {
      outcome.missing += 1;
      return;
    }
    try {
      const refusal = await publishAccount({ ...context, signal }, { account, known });
      if (refusal === null) outcome.published += 1;
      else outcome.refusals.push(refusal);
    } catch (error) {
      if (error instanceof NotWanted) {
        outcome.notWanted += 1;
        return;
      }
      outcome.missing += 1;
      if (signal.aborted) return;
      if (concernsOneAccount(error)) {
        outcome.failure ??= error;
      } else {
        fatal.push(error);
        stopped.abort();
      }
    }
  };
  const limit = pLimit(accountCreationsInParallel ? deps.settings.publishConcurrency : 1);
  for (const group of parentsFirst(accounts)) await limit.map(group, publish);
  if (fatal.length > 0) throw fatal[0];
  context.signal.throwIfAborted();
  return outcome;
}

/** An account names its parent by Rutter's id, so one whose parent is published with it comes in the second group. */
function parentsFirst(accounts: readonly AccountToPublish[]): AccountToPublish[][] {
  const ids = new Set(accounts.map(({ accountId }) => accountId));
  const isChild = ({ parentAccountId }: AccountToPublish) =>
    parentAccountId !== null && ids.has(parentAccountId);
  return [accounts.filter((account) => !isChild(account)), accounts.filter(isChild)];
}

/** Rutter did not answer for this account, or its job is still running: the next attempt may succeed. */
function concernsOneAccount(error: unknown): boolean {
  if (error instanceof ApplicationFailure) return error.nonRetryable !== true;
  return isRutterError(error) && readFailure(error).retryable;
}
