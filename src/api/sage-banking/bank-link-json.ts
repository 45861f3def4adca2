import { z } from 'zod';
import type { Keyring } from '../../crypto/keyring.js';
import { openIfReadable } from '../../crypto/seal.js';
import type { SageLinkRow } from '../../db/sage-banking/bank-links.js';
import { sageLinkPurposes, sageLinkStates } from '../../domain/sage-banking/states.js';
import { sageLinkReasons } from '../../domain/sage-banking/bank-link.js';
import { instant } from '../fields.js';

/** A bank link as JSON. */
export const sageLinkSchema = z
  .object({
    link_id: z.string().meta({ format: 'uuid' }),
    customer_id: z.string(),
    connection_id: z.string().meta({ format: 'uuid' }),
    purpose: z.enum(sageLinkPurposes),
    state: z.enum(sageLinkStates),
    bank_id: z.string(),
    bank_name: z.string().nullable(),
    requested_start_date: instant.nullable(),
    redirect: z.string().nullable().meta({
      description:
        'The URL of the bank consent, to be opened for the customer in a new window while the link waits for it. When `attempts` increases the URL changes, and the customer has to start again there. Null also when it cannot be decrypted, since its encryption key was lost: begin another link.',
    }),
    attempts: z.int().meta({ description: 'Consent sessions started, including the first.' }),
    expires_at: instant.nullable(),
    sage_account_id: z.string().nullable().meta({ format: 'uuid' }),
    reason: z.enum(sageLinkReasons).nullable().meta({ description: 'The runbook explains each reason.' }),
    message: z.string().nullable().meta({ description: "Sage's message, for display." }),
    created_at: instant,
    updated_at: instant,
  })
  .meta({ id: 'SageLink' });

/** A link as JSON. */
export function sageLinkJson(keyring: Keyring, link: SageLinkRow): z.output<typeof sageLinkSchema> {
  const { linkId, redirectSealed } = link;
  return {
    link_id: linkId,
    customer_id: link.customerId,
    connection_id: link.connectionId,
    purpose: link.purpose,
    state: link.state,
    bank_id: link.bankId,
    bank_name: link.bankName,
    requested_start_date: link.requestedStartDate,
    redirect:
      redirectSealed === null
        ? null
        : openIfReadable(keyring, redirectSealed, { table: 'sage_links', row: linkId, column: 'redirect' })
            .text,
    attempts: link.attempts,
    expires_at: link.expiresAt,
    sage_account_id: link.sageAccountId,
    reason: link.reason,
    message: link.message,
    created_at: link.createdAt,
    updated_at: link.updatedAt,
  };
}
