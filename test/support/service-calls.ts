import { askControl } from '../../sandbox/stand-in/ask-control.js';
import type { LocalService } from './local-service.js';
import { until } from './until.js';

/** One call of the machine API as core banking (or operations) makes it. */
export async function callApi<Answer = Record<string, unknown>>(
  service: LocalService,
  input: { role?: 'core' | 'ops'; method: string; path: string; body?: unknown; ndjson?: string },
): Promise<Answer> {
  const token = input.role === 'ops' ? service.opsToken : service.coreToken;
  const body = input.ndjson ?? (input.body === undefined ? undefined : JSON.stringify(input.body));
  const response = await fetch(`${service.api}${input.path}`, {
    method: input.method,
    headers: {
      authorization: `Bearer ${token}`,
      'content-type': input.ndjson === undefined ? 'application/json' : 'application/x-ndjson',
    },
    ...(body === undefined ? {} : { body }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${input.method} ${input.path}: ${String(response.status)} ${text}`);
  return JSON.parse(text) as Answer;
}

export interface ShownFeed {
  feed_id: string;
  account_id: string;
  connection_id: string;
  state: string;
  reason?: string | null;
  counts: Record<string, number>;
}

/** The feed of an account, once its state is the one waited for. */
export async function feedInState(
  service: LocalService,
  input: { accountId: string; state: string; timeoutMs?: number },
): Promise<ShownFeed> {
  let last = 'no feed';
  return await until(
    async () => {
      const path = `/v1/feeds?account_id=${input.accountId}`;
      const { feeds } = await callApi<{ feeds: ShownFeed[] }>(service, { method: 'GET', path });
      last = feeds.map((feed) => `${feed.state} ${feed.reason ?? ''}`).join(', ');
      const found = feeds.find((feed) => feed.state === input.state);
      // The list has no counts: counting reads every posting.
      return (
        found && (await callApi<ShownFeed>(service, { method: 'GET', path: `/v1/feeds/${found.feed_id}` }))
      );
    },
    {
      timeoutMs: input.timeoutMs ?? 240_000,
      everyMs: 200,
      get describe() {
        return `the feed of ${input.accountId} is ${input.state} (seen: ${last})`;
      },
    },
  );
}

/** Calls a control endpoint of the Rutter sandbox. */
export async function control<Answer = Record<string, unknown>>(
  service: LocalService,
  method: string,
  path: string,
  body?: unknown,
): Promise<Answer> {
  return await askControl<Answer>({ url: service.sandbox, method, path, body });
}

/** The ids that Rutter holds for an account of ours, in the order of their acceptance. */
export async function bookedIds(service: LocalService, accountId: string): Promise<string[]> {
  const answer = await control<{ accounts: { transactions: { transaction_id: string }[] }[] }>(
    service,
    'GET',
    `/book?internal_bank_account_id=${accountId}`,
  );
  return answer.accounts.flatMap((account) => account.transactions.map((booked) => booked.transaction_id));
}
