import { z } from 'zod';
import { readSageCompany } from '../../../db/sage-banking/companies.js';
import { insertCandidateLink } from '../../../db/sage-banking/bank-link-account.js';
import { limits } from '../../../domain/limits.js';
import { commandIdOf } from '../../await-command.js';
import { nothing, textField } from '../../fields.js';
import { notFound, Problem } from '../../problem.js';
import { requireStartDate, sageAccountParams, startDateField } from '../account-params.js';
import { awaitSageLink } from '../await-bank-link.js';
import { sageLinkSchema } from '../bank-link-json.js';
import { sageLinkReplay } from '../bank-link-replay.js';
import { defineSageRoute } from '../define-route.js';
import { requireOpenSageAccount } from '../run-command.js';

const bodyBytesMax = 64 * 1024;

const candidateBody = z
  .strictObject({
    candidate_id: textField(limits.idLengthMax).meta({ description: 'Of `available-accounts`.' }),
    requested_start_date: startDateField,
  })
  .meta({ id: 'SageCandidateInput' });

/** Links a further account of a consent, which needs no other one. Runs as a link. */
export const postSageCandidate = defineSageRoute({
  method: 'post',
  path: '/v1/sage/accounts/{sage_account_id}/available-accounts',
  roles: ['core'],
  resource: 'account',
  summary: 'Link a further account of the consent of this one',
  description:
    'The customer need not go to the bank again. Waits up to 20 s for Sage, then answers 202 with the link. An account that is connected already is 409 `account_taken`.',
  params: sageAccountParams,
  query: nothing,
  body: { schema: candidateBody, bytesMax: bodyBytesMax },
  answers: {
    201: { description: 'Linked', schema: sageLinkSchema },
    202: { description: 'Sage has not answered yet: read the link at `Location`', schema: sageLinkSchema },
  },
  replay: sageLinkReplay,
  handle: async ({ deps, params, body, seed }) => {
    const account = await requireOpenSageAccount(deps, { sageAccountId: params.sage_account_id });
    if (account.dataProvider === 'direct') {
      const detail = 'an account of a direct bank has no consent with further accounts';
      throw new Problem({ status: 409, code: 'wrong_state', detail });
    }
    const company = await readSageCompany(deps.pool, account);
    if (company === null) throw notFound('account');
    const requestedStartDate = await requireStartDate(deps, { company, value: body.requested_start_date });
    const linkId = commandIdOf(seed);
    const { keyring } = deps;
    const candidateId = body.candidate_id;
    await insertCandidateLink(deps.pool, { keyring, linkId, account, candidateId, requestedStartDate });
    await deps.sage.startLink({ linkId });
    return await awaitSageLink(deps, { linkId, isDone: () => false });
  },
});
