import { listLimitMax } from './assumptions.js';
import type { ForConnection, Keyed, ListInput } from './call-options.js';
import { RutterUnexpectedAnswer } from './errors.js';
import { serializeAccount, type NewAccount } from './new-account.js';
import type { Requester } from './request.js';
import { accountPageSchema, createAccountSchema, otpSchema, singleAccountSchema } from './schemas.js';
import type { AccountPage, RutterAccount, RutterOtp } from './schemas.js';

/** Pages that `listAllAccounts` reads: 100,000 accounts of one connection. */
export const accountPagesMax = 200;

export type CreateAccountResult =
  | { kind: 'done'; jobId: string | null; account: RutterAccount }
  | { kind: 'async'; jobId: string; status: string };

/** Bank feed accounts, and the OTP that lets the customer choose them in Sage (contract 6 and 7). */
export interface AccountCalls {
  /** One page of GET …/accounts. */
  listAccounts(input: ListInput): Promise<AccountPage>;
  /**
   * All pages; an account that moved between pages while they were read appears once.
   *
   * @throws RutterUnexpectedAnswer beyond `accountPagesMax` pages, or when a cursor repeats
   */
  listAllAccounts(input: Omit<ListInput, 'cursor'>): Promise<RutterAccount[]>;
  /** GET …/accounts/:id. An unknown id is refused with 410. */
  getAccount(
    input: ForConnection & { rutterAccountId: string; forceFetch?: boolean | undefined },
  ): Promise<RutterAccount>;
  /** POST …/accounts. `body`: of `serializeAccount`, as it was stored. A job is read with `getAccountJob`. */
  createAccount(
    input: ForConnection & Keyed & ({ account: NewAccount } | { body: string }),
  ): Promise<CreateAccountResult>;
  /** POST …/otp. Cancels every earlier OTP of the connection (7): serialize, and call it last. The OTP is a secret. */
  createOtp(input: ForConnection & Keyed): Promise<RutterOtp>;
}

const accountsPath = '/accounting/bank_feeds/accounts';

interface CallTimes {
  readonly timeoutMs: number;
  /** Of POST accounts, whose answer Rutter may hold as long as that of a batch. */
  readonly createAccountMs: number;
}

export function createAccountCalls(dependencies: CallTimes & { request: Requester }): AccountCalls {
  const { request, timeoutMs, createAccountMs } = dependencies;
  const listAccounts: AccountCalls['listAccounts'] = async (input) => {
    const answer = await request({
      operation: 'listAccounts',
      method: 'GET',
      path: accountsPath,
      query: listQuery(input),
      accessToken: input.accessToken,
      schema: accountPageSchema,
      priority: input.priority ?? 'interactive',
      signal: input.signal,
      timeoutMs,
    });
    return answer.value;
  };

  return {
    listAccounts,
    listAllAccounts: (input) => collectPages(listAccounts, input),

    async getAccount({ accessToken, rutterAccountId, forceFetch, priority = 'interactive', signal }) {
      const answer = await request({
        operation: 'getAccount',
        method: 'GET',
        path: `${accountsPath}/${encodeURIComponent(rutterAccountId)}`,
        query: { force_fetch: forceFetchText(forceFetch) },
        schema: singleAccountSchema,
        accessToken,
        timeoutMs,
        priority,
        signal,
      });
      return answer.value;
    },

    async createAccount(input) {
      const { accessToken, idempotencyKey, priority = 'interactive', signal } = input;
      const answer = await request({
        operation: 'createAccount',
        method: 'POST',
        path: accountsPath,
        body: 'body' in input ? input.body : serializeAccount(input.account),
        idempotencyKey,
        schema: createAccountSchema,
        accessToken,
        timeoutMs: createAccountMs,
        priority,
        signal,
      });
      if (answer.value.kind === 'async') return answer.value;
      return { ...answer.value, jobId: answer.jobId ?? null };
    },

    async createOtp({ accessToken, idempotencyKey, priority = 'interactive', signal }) {
      const answer = await request({
        operation: 'createOtp',
        method: 'POST',
        path: '/accounting/bank_feeds/otp',
        body: '{}',
        idempotencyKey,
        schema: otpSchema,
        accessToken,
        timeoutMs,
        priority,
        signal,
      });
      return answer.value;
    },
  };
}

/** The parameters of contract 11.1 that Sage allows; `filter` is not among them. */
export function listQuery(input: ListInput): Record<string, string | number | undefined> {
  return {
    limit: Math.min(input.limit ?? listLimitMax, listLimitMax),
    cursor: input.cursor,
    updated_at_min: input.updatedAtMinMs,
    force_fetch: forceFetchText(input.forceFetch),
  };
}

async function collectPages(
  listAccounts: AccountCalls['listAccounts'],
  input: Omit<ListInput, 'cursor'>,
): Promise<RutterAccount[]> {
  const accounts = new Map<string, RutterAccount>();
  const cursors = new Set<string>();
  let cursor: string | undefined;
  for (let page = 0; page < accountPagesMax; page += 1) {
    const { accounts: found, nextCursor } = await listAccounts({ ...input, cursor });
    for (const account of found) accounts.set(account.id, account);
    if (nextCursor === null) return [...accounts.values()];
    if (cursors.has(nextCursor)) throw endless('a cursor repeated');
    cursors.add(nextCursor);
    cursor = nextCursor;
  }
  throw endless(`more than ${String(accountPagesMax)} pages`);
}

function endless(detail: string): RutterUnexpectedAnswer {
  return new RutterUnexpectedAnswer({
    operation: 'listAccounts',
    httpStatus: 200,
    reason: 'unexpected_shape',
    detail,
  });
}

/** The parameter is text, `true` or `false`. */
function forceFetchText(forceFetch: boolean | undefined): string | undefined {
  return forceFetch === undefined ? undefined : String(forceFetch);
}
