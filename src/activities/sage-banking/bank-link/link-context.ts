import { isSageError, type SageError } from '../../../clients/sage-banking/errors.js';
import { open, seal } from '../../../crypto/seal.js';
import { transaction } from '../../../db/pool.js';
import {
  endSageLink,
  readSageLink,
  type SageLinkEnding,
  type SageLinkRow,
} from '../../../db/sage-banking/bank-links.js';
import type { SageLinkState } from '../../../domain/sage-banking/states.js';
import type { SageLinkReason } from '../../../domain/sage-banking/bank-link.js';
import type { SageBankingDeps, SageBankingParts } from '../deps.js';
import { Obsolete } from '../../failures.js';
import { requireSageBanking } from '../access.js';

/** The input of every step of a link. */
export interface LinkContext {
  readonly deps: SageBankingDeps;
  readonly sage: SageBankingParts;
  readonly link: SageLinkRow;
  readonly signal: AbortSignal;
}

/** The link has ended, by this step or another. */
export interface LinkOver {
  readonly outcome: 'over';
  readonly state: SageLinkState;
}

/** @throws Obsolete when there is no such link */
export async function linkContext(
  deps: SageBankingDeps,
  input: { linkId: string; signal: AbortSignal },
): Promise<LinkContext> {
  const link = await readSageLink(deps.pool, input);
  if (link === null) throw new Obsolete('the link does not exist');
  return { deps, sage: requireSageBanking(deps), link, signal: input.signal };
}

/** The result for an ended link. Every repeat wakes its account: the first wake-up may have been lost. */
export async function linkOver({ sage, link }: LinkContext): Promise<LinkOver> {
  if (link.state === 'linked' && link.sageAccountId !== null) {
    await sage.workflows.wakeAccount({ sageAccountId: link.sageAccountId });
  }
  return { outcome: 'over', state: link.state };
}

/** Ends the link in its row and returns its state. */
export async function endLink(context: LinkContext, ending: SageLinkEnding): Promise<LinkOver> {
  const { deps, link } = context;
  const { linkId } = link;
  await transaction(deps.pool, (db) => endSageLink(db, { linkId, ending }));
  const ended = await readSageLink(deps.pool, { linkId });
  return await linkOver({ ...context, link: ended ?? link });
}

type SealedColumn = 'redirect' | 'poll_route' | 'account';

export function sealOfLink(
  { deps, link }: LinkContext,
  input: { column: SealedColumn; value: string },
): string {
  return seal(deps.keyring, input.value, { table: 'sage_links', row: link.linkId, column: input.column });
}

/** @throws UnsealError */
export function openOfLink(
  { deps, link }: LinkContext,
  input: { column: SealedColumn; sealed: string },
): string {
  return open(deps.keyring, input.sealed, { table: 'sage_links', row: link.linkId, column: input.column });
}

/** How an error ends a link; null for a transient failure, which is retried. */
function endingOfError(error: unknown): SageLinkEnding | null {
  if (!isSageError(error)) return null;
  const reason = reasonOf(error);
  if (reason === null) return null;
  const message = 'errorMessage' in error ? error.errorMessage : null;
  const detail = {
    ...('httpStatus' in error && error.httpStatus !== undefined ? { http_status: error.httpStatus } : {}),
    ...('host' in error ? { host: error.host } : {}),
  };
  return { state: 'refused', reason, message, detail };
}

function reasonOf(error: SageError): SageLinkReason | null {
  switch (error.kind) {
    case 'foreign_address':
      return 'foreign_address';
    case 'unauthorized':
      return 'sage_company_refused';
    case 'refused':
    case 'gone':
      return 'link_rejected';
    case 'unreachable':
    case 'outcome_unknown':
    case 'rate_limited':
    case 'not_configured':
      return null;
  }
}

/** Runs a step; a refusal ends the link and is not a failure. */
export async function endingOnRefusal<T>(
  context: LinkContext,
  step: () => Promise<T>,
): Promise<T | LinkOver> {
  try {
    return await step();
  } catch (error) {
    const ending = endingOfError(error);
    if (ending === null) throw error;
    return await endLink(context, ending);
  }
}
