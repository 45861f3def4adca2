import { z } from 'zod';
import { defaultOffset } from './assumptions.js';

/**
 * Schemas of Rutter's answers (contract 5 to 9, version 2024-08-31): only what we use, unknown fields ignored,
 * unknown texts of enumerations kept as they are, `"null"` in an enumeration read as null (6.2).
 */

const idMaxChars = 255;

const id = z.string().min(1).max(idMaxChars);
const nullableText = z
  .string()
  .nullish()
  .transform((value) => value ?? null);
/** For enumerations, dates and URLs only: a description may really be the word "null". */
const nullableToken = nullableText.transform((value) => (value === 'null' ? null : value));
const nullableNumber = z
  .number()
  .nullish()
  .transform((value) => value ?? null);
const nullableBoolean = z
  .boolean()
  .nullish()
  .transform((value) => value ?? null);
const nullableInstant = nullableToken.transform((value, context) => {
  if (value === null) return null;
  const instant = toUtcInstant(value);
  if (instant === undefined) {
    context.addIssue({ code: 'custom', message: 'not an instant' });
    return z.NEVER;
  }
  return instant;
});

/** ISO 8601 with or without offset, to UTC with milliseconds; finer digits are truncated, as JavaScript's dates do. */
function toUtcInstant(text: string): string | undefined {
  const offsetless = /T[\d:.]+$/.test(text);
  const epochMs = /^\d{4}-\d\d-\d\d/.test(text)
    ? Date.parse(offsetless ? text + defaultOffset : text)
    : Number.NaN;
  return Number.isNaN(epochMs) ? undefined : new Date(epochMs).toISOString();
}

/** POST /connections/create. The token is a secret. */
export const createdConnectionSchema = z
  .object({
    connection: z.object({ id, access_token: id, link_url: nullableToken, name: nullableText }),
  })
  .transform(({ connection }) => ({
    id: connection.id,
    accessToken: connection.access_token,
    linkUrl: connection.link_url,
    name: connection.name,
  }));
export type CreatedConnection = z.output<typeof createdConnectionSchema>;

/** POST /item/public_token/exchange. The token is a secret. */
export const exchangedTokenSchema = z
  .object({
    connection_id: id,
    access_token: id,
    is_ready: nullableBoolean,
    platform: nullableToken,
    name: nullableText,
  })
  .transform((answer) => ({
    connectionId: answer.connection_id,
    accessToken: answer.access_token,
    isReady: answer.is_ready,
    platform: answer.platform,
    name: answer.name,
  }));
export type ExchangedToken = z.output<typeof exchangedTokenSchema>;

/** GET /connections/access_token. */
export const connectionSchema = z
  .object({
    connection: z.object({
      id,
      platform: nullableToken,
      needs_update: z.boolean(),
      disabled: z.boolean(),
      link_url: nullableToken,
      unavailable_objects: z.array(z.string()).nullish(),
    }),
  })
  .transform(({ connection }) => ({
    id: connection.id,
    platform: connection.platform,
    needsUpdate: connection.needs_update,
    disabled: connection.disabled,
    linkUrl: connection.link_url,
    unavailableObjects: connection.unavailable_objects ?? [],
  }));
export type RutterConnection = z.output<typeof connectionSchema>;

/** GET /connections. The tokens are secrets. */
export const connectionListSchema = z
  .object({
    connections: z.array(
      z.object({
        id,
        access_token: id,
        link_url: nullableToken,
        platform: nullableToken,
        name: nullableText,
      }),
    ),
  })
  .transform(({ connections }) =>
    connections.map((connection) => ({
      id: connection.id,
      accessToken: connection.access_token,
      linkUrl: connection.link_url,
      platform: connection.platform,
      name: connection.name,
    })),
  );
export type ListedConnection = z.output<typeof connectionListSchema>[number];

/** GET /connections/status. */
export const connectionStatusSchema = z
  .object({
    status: z.object({
      is_ready: z.boolean(),
      is_healthy: z.boolean(),
      link_url: nullableToken,
      platform: nullableToken,
      last_sync_completed_at: nullableInstant,
      needs_update_status: z.object({ needs_update: z.boolean() }),
      disabled_status: z.object({ is_disabled: z.boolean(), disabled_reason: nullableToken }),
    }),
  })
  .transform(({ status }) => ({
    isReady: status.is_ready,
    isHealthy: status.is_healthy,
    linkUrl: status.link_url,
    platform: status.platform,
    lastSyncCompletedAt: status.last_sync_completed_at,
    needsUpdate: status.needs_update_status.needs_update,
    disabled: status.disabled_status.is_disabled,
    disabledReason: status.disabled_status.disabled_reason,
  }));
export type ConnectionStatus = z.output<typeof connectionStatusSchema>;

/** DELETE /connections/:id. */
export const deletedSchema = z.object({ success: z.boolean() });

/** One bank feed account (6.2). Balances are left out on purpose: what is not read cannot leak. The number is a secret. */
export const accountSchema = z
  .object({
    id,
    internal_bank_account_id: nullableText,
    bank_account_type: nullableToken,
    feed_status: nullableToken,
    transaction_ready: z.boolean(),
    transaction_start_date: nullableInstant,
    currency_code: nullableToken,
    name: nullableText,
    bank_account_number: nullableText,
  })
  .transform((account) => ({
    id: account.id,
    internalBankAccountId: account.internal_bank_account_id,
    bankAccountType: account.bank_account_type,
    feedStatus: account.feed_status,
    transactionReady: account.transaction_ready,
    /** UTC, milliseconds; the date the customer chose in Sage once the account is linked. */
    transactionStartDate: account.transaction_start_date,
    currencyCode: account.currency_code,
    name: account.name,
    /** As Sage shows it; compared with ours, never logged. */
    bankAccountNumber: account.bank_account_number,
  }));
export type RutterAccount = z.output<typeof accountSchema>;

/** Whether postings may be sent to the account: both flags, since they could turn at different times (10.2). */
export function isAccountReady(account: Pick<RutterAccount, 'feedStatus' | 'transactionReady'>): boolean {
  return account.feedStatus === 'active' && account.transactionReady;
}

const nextCursor = nullableToken.transform((cursor) => (cursor === '' ? null : cursor));

export const accountPageSchema = z
  .object({ bank_feed_accounts: z.array(accountSchema), next_cursor: nextCursor })
  .transform((page) => ({ accounts: page.bank_feed_accounts, nextCursor: page.next_cursor }));
export type AccountPage = z.output<typeof accountPageSchema>;

const accountBodySchema = z
  .object({ bank_feed_account: accountSchema })
  .transform((body) => body.bank_feed_account);
export const singleAccountSchema = accountBodySchema;

/** POST /accounting/bank_feeds/otp (7). The OTP is a secret. */
export const otpSchema = z
  .object({
    bank_feed_otp: z.object({
      otp: id,
      expires_at: nullableInstant,
      redirect_uri: nullableToken,
    }),
  })
  .transform(({ bank_feed_otp: answer }) => ({
    otp: answer.otp,
    expiresAt: answer.expires_at,
    redirectUri: answer.redirect_uri,
  }));
export type RutterOtp = z.output<typeof otpSchema>;

/** One bank feed transaction as answered by POST and GET (8.3). */
export const transactionSchema = z
  .object({
    id,
    bank_feed_account_id: nullableText,
    transaction_id: nullableText,
    posted_at: nullableInstant,
    amount: nullableNumber,
    debit_credit_memo: nullableToken,
    description: nullableText,
    payee: nullableText,
    transaction_type: nullableToken,
    platform_ingested: nullableBoolean,
    duplicate: nullableBoolean,
  })
  .transform((transaction) => ({
    id: transaction.id,
    bankFeedAccountId: transaction.bank_feed_account_id,
    transactionId: transaction.transaction_id,
    postedAt: transaction.posted_at,
    amount: transaction.amount,
    debitCreditMemo: transaction.debit_credit_memo,
    description: transaction.description,
    payee: transaction.payee,
    transactionType: transaction.transaction_type,
    platformIngested: transaction.platform_ingested,
    /** Only in answers to POST: the id had been supplied before, and the fields show that first content. */
    duplicate: transaction.duplicate,
  }));
export type RutterTransaction = z.output<typeof transactionSchema>;

export const transactionPageSchema = z
  .object({ bank_feed_transactions: z.array(transactionSchema), next_cursor: nextCursor })
  .transform((page) => ({ transactions: page.bank_feed_transactions, nextCursor: page.next_cursor }));
export type TransactionPage = z.output<typeof transactionPageSchema>;

export const transactionsBodySchema = z
  .object({ bank_feed_transactions: z.array(transactionSchema) })
  .transform((body) => body.bank_feed_transactions);

/** An answer that came too early to hold the result (8.3). `response_url` is not read: it is never followed. */
const asyncSchema = z.object({ async_response: z.object({ id, status: z.string() }) }).transform((body) => ({
  kind: 'async' as const,
  jobId: body.async_response.id,
  status: body.async_response.status,
}));

/** POST transactions: the result, or a job to poll. */
export const postTransactionsSchema = z.union([
  asyncSchema,
  transactionsBodySchema.transform((transactions) => ({ kind: 'done' as const, transactions })),
]);

/** POST accounts: the account, or a job to poll. */
export const createAccountSchema = z.union([
  asyncSchema,
  accountBodySchema.transform((account) => ({ kind: 'done' as const, account })),
]);

/** GET /jobs/:id (9). The body is parsed later, by what the job was for; `request` holds a token and is not read. */
export const jobSchema = z.object({
  id,
  status: z.string(),
  response: z
    .object({ http_status: z.number().int().nullish(), body: z.unknown() })
    .nullish()
    .transform((value) => value ?? null),
});
export type RutterJob = z.output<typeof jobSchema>;

/** The error body (12). Anything else in its place reads as three nulls. */
export const errorBodySchema = z
  .object({ error_type: nullableText, error_code: nullableText, error_message: nullableText })
  .transform((body) => ({
    errorType: body.error_type,
    errorCode: body.error_code,
    errorMessage: body.error_message,
  }))
  .catch({ errorType: null, errorCode: null, errorMessage: null });
