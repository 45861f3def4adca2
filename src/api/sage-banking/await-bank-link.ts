import { readSageLink, type SageLinkRow } from '../../db/sage-banking/bank-links.js';
import type { RouteAnswer } from '../define-route.js';
import type { ApiDeps } from '../deps.js';
import { pollRow } from '../poll-row.js';
import { Problem, invalid, notFound, unavailable } from '../problem.js';
import { sageLinkJson } from './bank-link-json.js';

/** The longest that a call waits for Sage's answer before it answers with the link. */
const answeredWithinMs = 20_000;

/**
 * Waits until a started link has what its caller needs, which `isDone` decides, or has ended. Answers 201 then, 202 while
 * Sage has not answered.
 * @throws {Problem} why the link ended without success
 */
export async function awaitSageLink(
  deps: ApiDeps,
  input: { linkId: string; isDone: (link: SageLinkRow) => boolean },
): Promise<RouteAnswer & { link: SageLinkRow }> {
  const { linkId } = input;
  const link = await pollRow({
    read: () => readSageLink(deps.pool, { linkId }),
    done: (row) => row === null || row.state !== 'waiting' || input.isDone(row),
    timeoutMs: answeredWithinMs,
  });
  if (link === null) throw notFound('link');
  if (link.state === 'refused' || link.state === 'expired') throw problemOfLink(link);
  const isDone = link.state !== 'waiting' || input.isDone(link);
  return {
    link,
    status: isDone ? 201 : 202,
    body: sageLinkJson(deps.keyring, link),
    headers: { Location: `/v1/sage/links/${linkId}` },
  };
}

/** The problem of the call whose link ended without success. */
function problemOfLink(link: SageLinkRow): Problem {
  const { linkId, state } = link;
  const reason = link.reason ?? 'link_rejected';
  const extra = {
    link_id: linkId,
    state,
    reason,
    ...(link.message === null ? {} : { message: link.message }),
  };
  switch (reason) {
    case 'unknown_bank':
    case 'wrong_bank_kind': {
      const message =
        reason === 'unknown_bank'
          ? 'is not a bank that Sage knows'
          : link.purpose === 'direct'
            ? 'is an indirect bank, linked on its own pages: use /v1/sage/links'
            : 'is a direct bank, without pages of its own: use /v1/sage/accounts';
      return invalid({ status: 422, code: reason, errors: [{ pointer: '/bank_id', message }] });
    }
    case 'unknown_candidate': {
      const message = 'is no account that the customer has granted with this one';
      return invalid({ status: 422, code: reason, errors: [{ pointer: '/candidate_id', message }] });
    }
    case 'not_auth_required':
    case 'account_taken':
      return new Problem({ status: 409, code: reason, detail: conflicts[reason], extra });
    case 'provider_unavailable':
    case 'out_of_time':
    case 'route_lost':
      return unavailable({ code: 'provider_unavailable', detail: 'Sage did not answer in time', extra });
    case 'bank_refused':
    case 'foreign_address':
    case 'no_account_reported':
    case 'link_rejected':
    case 'sage_company_refused':
      return new Problem({
        status: 502,
        code: reason,
        detail: 'Sage did not start the bank consent',
        extra,
      });
  }
}

const conflicts = {
  not_auth_required: 'the account does not require a new authorisation',
  account_taken: 'Sage already has this account, in this company or another one',
} as const;
