import { z } from 'zod';
import { transaction } from '../../../db/pool.js';
import { sealLinkAccount } from '../../../db/sage-banking/bank-link-account.js';
import { insertSageLink } from '../../../db/sage-banking/bank-links.js';
import { readCustomer } from '../../../db/customers.js';
import { todayIn, zoneOf } from '../../../domain/booking-day.js';
import { limits } from '../../../domain/limits.js';
import { commandIdOf } from '../../await-command.js';
import { awaitSageLink } from '../await-bank-link.js';
import { defineSageRoute } from '../define-route.js';
import { customerId, nothing, textField } from '../../fields.js';
import type { AnswerReplay } from '../../idempotency.js';
import { sageAccountJson, sageAccountSchema } from '../account-json.js';
import {
  companyField,
  requireSageAccount,
  requireSageCompany,
  requireStartDate,
  startDateField,
} from '../account-params.js';
import { sageLinkSchema } from '../bank-link-json.js';
import { sageLinkReplay } from '../bank-link-replay.js';

const bodyBytesMax = 64 * 1024;
const text = textField(limits.nameLengthMax);

const accountBody = z
  .strictObject({
    customer_id: customerId,
    company_id: companyField,
    bank_id: textField(limits.idLengthMax).meta({ description: "Sage's id of a direct bank." }),
    account_name: text,
    account_identifier: text.meta({ writeOnly: true, description: 'The account number. Stored encrypted.' }),
    bank_identifier: text.meta({ writeOnly: true, description: 'The sort code or its equivalent.' }),
    account_type: text
      .optional()
      .meta({ description: "One of the bank's account types; by default its first." }),
    requested_start_date: startDateField
      .optional()
      .meta({ description: 'Default: today, in the time zone of the customer or the bank.' }),
  })
  .meta({ id: 'SageAccountInput' });

/** The account, or the link that creates it. */
const storedAnswer = z.union([z.object({ link_id: z.string() }), z.object({ sage_account_id: z.string() })]);

/**
 * The answer to a repeated call that creates an account of a direct bank: the account as it is now. The first answer is
 * not stored, since it contains the signed URL of a form.
 */
const accountReplay: AnswerReplay = {
  keep: (body) => storedAnswer.parse(body),
  rebuild: async (deps, value) => {
    const ids = storedAnswer.parse(value);
    if ('link_id' in ids) return await sageLinkReplay.rebuild(deps, ids);
    return sageAccountJson(deps, await requireSageAccount(deps, { sageAccountId: ids.sage_account_id }));
  },
};

/** Creates an account of a direct bank, which has no consent pages: `authorisation` says what the customer has to do. */
export const postSageAccount = defineSageRoute({
  method: 'post',
  path: '/v1/sage/accounts',
  roles: ['core'],
  resource: 'customer',
  summary: 'Create an account of a direct bank',
  description:
    'The account is `pending` until its bank sends transactions, which can take days; `authorisation` says what the customer has to do for that. Waits up to 20 s for Sage, then answers 202 with the link that creates it.',
  params: nothing,
  query: nothing,
  body: { schema: accountBody, bytesMax: bodyBytesMax },
  answers: {
    201: { description: 'Created', schema: sageAccountSchema },
    202: { description: 'Sage has not answered yet: read the link at `Location`', schema: sageLinkSchema },
  },
  replay: accountReplay,
  handle: async ({ deps, body, seed }) => {
    const company = await requireSageCompany(deps, {
      customerId: body.customer_id,
      companyId: body.company_id,
    });
    const customer = await readCustomer(deps.pool, company);
    const bankTimeZone = deps.config.BANK_TIME_ZONE ?? null;
    const timeZone = zoneOf({ timeZone: customer?.timeZone ?? null, bankTimeZone });
    const value = body.requested_start_date ?? todayIn(timeZone, deps.nowMs());
    const requestedStartDate = await requireStartDate(deps, { company, value });
    const linkId = commandIdOf(seed);
    const account = {
      accountName: body.account_name,
      accountIdentifier: body.account_identifier,
      bankIdentifier: body.bank_identifier,
      accountType: body.account_type ?? null,
    };
    await transaction(deps.pool, (db) =>
      insertSageLink(db, {
        linkId,
        customerId: company.customerId,
        connectionId: company.connectionId,
        purpose: 'direct',
        bankId: body.bank_id,
        bankName: null,
        requestedStartDate,
        sageAccountId: null,
        accountSealed: sealLinkAccount(deps.keyring, { linkId, account }),
      }),
    );
    await deps.sage.startLink({ linkId });
    const { link, ...answer } = await awaitSageLink(deps, { linkId, isDone: () => false });
    if (link.sageAccountId === null) return answer;
    const created = await requireSageAccount(deps, { sageAccountId: link.sageAccountId });
    const headers = { Location: `/v1/sage/accounts/${created.sageAccountId}` };
    return { status: 201, body: sageAccountJson(deps, created), headers };
  },
});
