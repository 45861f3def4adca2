import { askControl } from '../../sandbox/stand-in/ask-control.js';
import type { Knobs } from '../../sandbox/rutter/assumptions.js';
import type { Counters, LoggedRequest } from '../../sandbox/rutter/request-log.js';
import { forkChild } from '../forked-child.js';
import type { SandboxAddress, SandboxRequest } from './sandbox-child.js';

/** The sandbox's book of one account. */
export interface BookedAccount {
  readonly account_id: string;
  readonly count: number;
  readonly batches: readonly { readonly count: number; readonly duplicates: number }[];
  /** In the order of acceptance. */
  readonly transactions: readonly BookedTransaction[];
}

export interface BookedTransaction {
  readonly transaction_id: string;
  readonly posted_at: string;
  readonly idempotency_key: string | null;
}

export interface BenchSandbox {
  readonly url: string;
  readonly apiUrl: string;
  readonly port: number;
  turnKnobs(knobs: Partial<Knobs>): Promise<void>;
  /** The account is chosen in Sage, with this start date. */
  selectAccount(input: { rutterAccountId: string; startDate: string }): Promise<void>;
  counters(): Promise<Counters>;
  /** The last 10,000, oldest first. */
  requests(): Promise<readonly LoggedRequest[]>;
  book(rutterAccountId: string): Promise<BookedAccount>;
  violations(): Promise<readonly { readonly rule: string; readonly detail: string }[]>;
  stop(): Promise<void>;
}

export const sandboxCredentials = { clientId: 'rc_bench', clientSecret: 'rs_bench_secret' };

const startMs = 30_000;

/** @param input.port of an earlier sandbox, so that a worker finds the new one there; 0 = a free one */
export async function startSandbox(input: { port: number; logFile: string }): Promise<BenchSandbox> {
  const child = forkChild({ entry: 'rutter/sandbox-child.ts', logFile: input.logFile });
  try {
    const request: SandboxRequest = { port: input.port, ...sandboxCredentials };
    const address = await child.ask<SandboxAddress>(request, startMs);
    return { ...address, ...controls(address.url), stop: () => child.stop() };
  } catch (error) {
    await child.stop();
    throw error;
  }
}

function controls(url: string): Omit<BenchSandbox, 'stop' | keyof SandboxAddress> {
  const control = <Answer>(method: string, path: string, body?: unknown): Promise<Answer> =>
    askControl<Answer>({ url, method, path, body });
  return {
    turnKnobs: async (knobs) => {
      await control('POST', '/knobs', knobs);
    },
    selectAccount: async ({ rutterAccountId, startDate }) => {
      await control('POST', `/accounts/${rutterAccountId}/select`, { transaction_start_date: startDate });
    },
    counters: () => control<Counters>('GET', '/counters'),
    requests: async () =>
      (await control<{ requests: readonly LoggedRequest[] }>('GET', '/requests')).requests,
    book: async (rutterAccountId) => {
      const answer = await control<{ accounts: readonly BookedAccount[] }>(
        'GET',
        `/book?account_id=${rutterAccountId}`,
      );
      const account = answer.accounts[0];
      if (account === undefined) throw new Error(`the sandbox has no account ${rutterAccountId}`);
      return account;
    },
    violations: async () =>
      (await control<{ violations: readonly { rule: string; detail: string }[] }>('GET', '/violations'))
        .violations,
  };
}
