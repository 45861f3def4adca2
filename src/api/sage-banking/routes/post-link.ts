import { z } from 'zod';
import { transaction } from '../../../db/pool.js';
import { insertSageLink } from '../../../db/sage-banking/bank-links.js';
import { limits } from '../../../domain/limits.js';
import { commandIdOf } from '../../await-command.js';
import { awaitSageLink } from '../await-bank-link.js';
import { defineSageRoute } from '../define-route.js';
import { customerId, nothing, textField } from '../../fields.js';
import { companyField, requireSageCompany, requireStartDate, startDateField } from '../account-params.js';
import { sageLinkSchema } from '../bank-link-json.js';
import { sageLinkReplay } from '../bank-link-replay.js';

const bodyBytesMax = 64 * 1024;

const linkBody = z
  .strictObject({
    customer_id: customerId,
    company_id: companyField,
    bank_id: textField(limits.idLengthMax).meta({ description: "Sage's id of an indirect bank." }),
    requested_start_date: startDateField,
  })
  .meta({ id: 'SageLinkInput' });

/** Starts a bank link: the consent at an indirect bank, after which its workflow creates the account. */
export const postSageLink = defineSageRoute({
  method: 'post',
  path: '/v1/sage/links',
  roles: ['core'],
  resource: 'customer',
  summary: 'Link an account of an indirect bank',
  description:
    'Open `redirect` in a new window for the customer and read the link until it has ended. Waits up to 20 s for Sage, then answers 202 with the link.',
  params: nothing,
  query: nothing,
  body: { schema: linkBody, bytesMax: bodyBytesMax },
  answers: {
    201: { description: 'The bank consent has started', schema: sageLinkSchema },
    202: { description: 'Sage has not answered yet: read the link at `Location`', schema: sageLinkSchema },
  },
  replay: sageLinkReplay,
  handle: async ({ deps, body, seed }) => {
    const company = await requireSageCompany(deps, {
      customerId: body.customer_id,
      companyId: body.company_id,
    });
    const requestedStartDate = await requireStartDate(deps, { company, value: body.requested_start_date });
    const { linkId } = await transaction(deps.pool, (db) =>
      insertSageLink(db, {
        linkId: commandIdOf(seed),
        customerId: company.customerId,
        connectionId: company.connectionId,
        purpose: 'link',
        bankId: body.bank_id,
        bankName: null,
        requestedStartDate,
        sageAccountId: null,
        accountSealed: null,
      }),
    );
    await deps.sage.startLink({ linkId });
    return await awaitSageLink(deps, { linkId, isDone: (link) => link.redirectSealed !== null });
  },
});
