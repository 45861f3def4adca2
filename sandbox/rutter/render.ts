import type { Knobs } from './assumptions.js';
import type {
  AccountRecord,
  AnsweredTransaction,
  BookEntry,
  ConnectionRecord,
  JobRecord,
} from './records.js';
import type { Sandbox } from './sandbox.js';

type Json = Record<string, unknown>;

const ACCOUNT_FIELDS = [
  'account_id',
  'internal_bank_account_id',
  'parent_bank_feed_account_id',
  'last_statement_date',
  'next_payment_date',
  'bank_account_type',
  'available_balance',
  'available_credit',
  'bank_account_number',
  'credit_limit',
  'currency_code',
  'current_balance',
  'finance_charges',
  'last_statement_balance',
  'line_of_business',
  'minimum_payment_amount',
  'name',
  'next_payment_amount',
  'past_due_amount',
  'purchases_apr',
  'routing_number',
] as const;

/** The account as GET and POST show it. */
export function renderAccount(account: AccountRecord, knobs: Knobs, expandPlatformData = false): Json {
  const shown: Json = { id: account.id };
  for (const name of ACCOUNT_FIELDS) shown[name] = account.fields[name] ?? null;
  shown['currency_code'] = nullableEnum(account.fields['currency_code'] ?? null, knobs);
  shown['transaction_start_date'] = account.transactionStartDate;
  shown['feed_status'] = account.feedStatus;
  shown['transaction_ready'] = account.transactionReady;
  shown['last_synced_at'] = iso(account.updatedAtMs);
  if (expandPlatformData) shown['platform_data'] = {};
  return withExtras(shown, knobs);
}

/** The transaction as GET shows it; POST answers add `duplicate`. */
export function renderTransaction(entry: BookEntry, knobs: Knobs, frozen?: AnsweredTransaction): Json {
  const shown: Json = {
    id: entry.id,
    bank_feed_account_id: entry.accountId,
    transaction_id: entry.transaction_id,
    posted_at: entry.posted_at,
    transaction_date: entry.transaction_date,
    amount: entry.amount,
    debit_credit_memo: nullableEnum(entry.debit_credit_memo, knobs),
    description: entry.description,
    interest_amount: entry.interest_amount,
    memo: entry.memo,
    payee: entry.payee,
    platform_ingested: frozen === undefined ? entry.ingested : frozen.ingested,
    principal_amount: entry.principal_amount,
    transaction_type: entry.transaction_type,
    last_synced_at: iso(frozen === undefined ? entry.updatedAtMs : frozen.syncedAtMs),
  };
  if (frozen !== undefined) shown['duplicate'] = frozen.duplicate;
  return withExtras(shown, knobs);
}

/** The `connection` part of GET answers on bank feeds (the camelCase is Rutter's). */
export function renderConnectionStub(sandbox: Sandbox, connection: ConnectionRecord): Json {
  return { id: connection.id, orgId: sandbox.organisationId, platform: connection.platform };
}

/** The short form that create and rename answer. */
export function renderCreatedConnection(sandbox: Sandbox, connection: ConnectionRecord): Json {
  return {
    id: connection.id,
    access_token: connection.accessToken,
    link_url: linkUrl(sandbox, connection.id),
    name: connection.name,
  };
}

export function linkUrl(sandbox: Sandbox, connectionId: string): string {
  return `${sandbox.linkOrigin}/connection/${connectionId}`;
}

/** What a finished job answers: the body of a synchronous call. */
export function renderJobBody(sandbox: Sandbox, job: JobRecord): unknown {
  if (job.body !== undefined) return job.body;
  const { state, knobs } = sandbox;
  const { work } = job;
  switch (work.kind) {
    case 'transactions': {
      const lines = job.answered ?? [];
      return { bank_feed_transactions: lines.map((line) => renderTransaction(line.entry, knobs, line)) };
    }
    case 'create_account':
      // The answer of creation stays what it was: replays show the account as it was made.
      return {
        bank_feed_account: renderAccount({ ...work.account, updatedAtMs: job.finishedAtMs ?? 0 }, knobs),
      };
    case 'delete_account':
      return { code: 'deleted', success: true };
    case 'create_connection':
      return { connection: renderCreatedConnection(sandbox, work.connection) };
    case 'rename_connection': {
      const connection = state.connections.get(work.connectionId);
      if (connection === undefined) return { connection: null };
      return { connection: { ...renderCreatedConnection(sandbox, connection), name: work.name } };
    }
    case 'replace_token':
      return { new_access_token: work.accessToken };
    case 'exchange_public_token':
      return renderExchange(sandbox, work.token);
    case 'create_otp':
      return withExtras(
        {
          bank_feed_otp: {
            otp: work.otp.otp,
            expires_at: iso(work.otp.expiresAtMs),
            redirect_uri: work.redirectUri,
          },
        },
        knobs,
      );
    case 'nothing':
      return work.body;
    default:
      return work satisfies never;
  }
}

function renderExchange(sandbox: Sandbox, token: string): Json {
  const connectionId = sandbox.state.publicTokens.get(token)?.connectionId ?? '';
  const connection = sandbox.state.connections.get(connectionId);
  return {
    connection_id: connectionId,
    access_token: connection?.accessToken ?? null,
    is_ready: connection?.status === 'active',
    platform: connection?.platform ?? null,
    name: connection?.name ?? null,
  };
}

export function iso(ms: number): string {
  return new Date(ms).toISOString();
}

/** The description renders null in an enum as the text "null"; the knob makes the sandbox do so too. */
export function nullableEnum(value: string | number | null, knobs: Knobs): string | number | null {
  return value === null && knobs.nullEnumText ? 'null' : value;
}

function withExtras(shown: Json, knobs: Knobs): Json {
  if (knobs.extraFields) shown['field_from_the_future'] = { nested: [1, 'two', null] };
  return shown;
}
