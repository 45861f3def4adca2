import { z } from 'zod';
import type { Keyring } from '../../crypto/keyring.js';
import type { SageAccountRow, SageBalances } from '../../db/sage-banking/accounts.js';
import { sageAuthorisationOf } from '../../db/sage-banking/authorisation.js';
import { sageAccountStatuses } from '../../domain/sage-banking/states.js';
import type { FeedCounts } from '../channel.js';
import { instant } from '../fields.js';

/** An account of the `sage-banking` channel as JSON. Its id is also the id of its feed. */
export const sageAccountSchema = z
  .object({
    sage_account_id: z.string().meta({ format: 'uuid', description: 'Also the id of its feed.' }),
    customer_id: z.string(),
    connection_id: z.string().meta({ format: 'uuid', description: 'Of its company.' }),
    bank_account_id: z.string().meta({ description: "Sage's id." }),
    bank_id: z.string(),
    bank_name: z.string(),
    data_provider: z.enum(['indirect', 'direct']),
    name: z.string(),
    number_last4: z.string().nullable(),
    currency: z.string().nullable(),
    status: z.enum(sageAccountStatuses).meta({ description: 'The status at Sage.' }),
    status_reason: z.string().nullable(),
    status_since: instant,
    requested_start_date: instant.nullable(),
    predecessor_id: z.string().nullable().meta({
      format: 'uuid',
      description: 'The account that this one replaces; its rules can be restored.',
    }),
    authorisation: z.record(z.string(), z.unknown()).nullable().meta({
      description:
        "What the customer has to do now at a direct bank, in Sage's own members. The URL of a form is valid for an hour and renewed before.",
    }),
    last_transaction_id: z
      .int()
      .nullable()
      .meta({ description: 'All transactions up to this id are stored.' }),
    received: z.int().meta({ description: 'Transactions in force. Corrected ones are not counted.' }),
    received_corrected: z.int().meta({
      description:
        'Stored transactions that are not in force: replaced or removed by a correction, and the removals. `include=corrected` lists them.',
    }),
    received_unrecognized: z.int().meta({
      description:
        'Stored transactions in an unexpected format. They are stored, without members that are too deep or too large, and the timeline lists them.',
    }),
    balances: z
      .object({
        ledger: z.string().nullable(),
        ledger_date: z.string().nullable(),
        available: z.string().nullable(),
        available_date: z.string().nullable(),
        read_at: instant,
      })
      .nullable()
      .meta({
        description:
          'As the bank last reported them: decimal strings, each with its day or instant as Sage writes it. Null until there is one.',
      }),
    cancel_requested_at: instant.nullable(),
    cancelled_at: instant.nullable(),
    reason: z
      .string()
      .nullable()
      .meta({ description: 'Why its transactions are not read; the runbook explains each reason.' }),
    reason_detail: z.string().nullable(),
    last_read_at: instant.nullable(),
    next_read_at: instant.nullable(),
    created_at: instant,
    updated_at: instant,
  })
  .meta({ id: 'SageAccount' });

export function sageAccountJson(
  { keyring }: { readonly keyring: Keyring },
  account: SageAccountRow,
): z.output<typeof sageAccountSchema> {
  return {
    sage_account_id: account.sageAccountId,
    customer_id: account.customerId,
    connection_id: account.connectionId,
    bank_account_id: account.bankAccountId,
    bank_id: account.bankId,
    bank_name: account.bankName,
    data_provider: account.dataProvider,
    name: account.name,
    number_last4: account.numberLast4,
    currency: account.currency,
    status: account.status,
    status_reason: account.statusReason,
    status_since: account.statusSince,
    requested_start_date: account.requestedStartDate,
    predecessor_id: account.predecessorId,
    authorisation: sageAuthorisationOf(keyring, account),
    last_transaction_id: account.lastTransactionId === 0 ? null : account.lastTransactionId,
    received: account.received - account.receivedCorrected,
    received_corrected: account.receivedCorrected,
    received_unrecognized: account.receivedUnrecognized,
    balances: balancesJson(account.balances),
    cancel_requested_at: account.cancelRequestedAt,
    cancelled_at: account.cancelledAt,
    reason: account.reason,
    reason_detail: account.reasonDetail,
    last_read_at: account.lastReadAt,
    next_read_at: account.nextReadAt,
    created_at: account.createdAt,
    updated_at: account.updatedAt,
  };
}

function balancesJson(balances: SageBalances | null) {
  if (balances === null) return null;
  return {
    ledger: balances.ledger,
    ledger_date: balances.ledgerDate,
    available: balances.available,
    available_date: balances.availableDate,
    read_at: balances.readAt,
  };
}

/** Counts of a feed of this channel. */
export const receivedCounts: FeedCounts = {
  schema: z.object({ received: z.int().min(0) }).meta({
    id: 'ReceivedCounts',
    description: 'On the `sage-banking` channel: transactions read from Sage that are in force.',
  }),
  read: (_pool, feed) => Promise.resolve({ received: Number(feed.received ?? 0) }),
};
