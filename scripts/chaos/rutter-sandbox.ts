import { askControl } from '../../sandbox/stand-in/ask-control.js';

/** A request in the sandbox's log. */
export interface SeenRequest {
  readonly at: string;
  readonly method: string;
  readonly path: string;
  readonly idempotency_key: string | null;
  readonly duration_ms: number;
  readonly job_id: string | null;
  readonly faults: readonly string[];
}

export interface BookedAccount {
  readonly count: number;
  readonly batches: readonly { readonly duplicates: number }[];
  readonly transactions: readonly { readonly transaction_id: string }[];
}

export interface Verdict {
  readonly violations: readonly { readonly rule: string; readonly detail: string }[];
  readonly resent: readonly { readonly detail: string }[];
}

/** The control endpoints of the sandbox that the chaos test uses. */
export interface RutterControl {
  turnKnobs(knobs: Record<string, number | boolean>): Promise<void>;
  addFault(fault: Record<string, unknown>): Promise<void>;
  removeFaults(): Promise<void>;
  selectAccount(input: { rutterAccountId: string; startDate: string }): Promise<void>;
  /** The last ones, oldest first. */
  requests(last: number): Promise<readonly SeenRequest[]>;
  /** The booked transactions of an account, from index `offset`. */
  book(input: { rutterAccountId: string; offset: number }): Promise<BookedAccount>;
  verdict(): Promise<Verdict>;
}

export function controlRutter(url: string): RutterControl {
  const control = <Answer>(method: string, path: string, body?: unknown): Promise<Answer> =>
    askControl<Answer>({ url, method, path, body });
  return {
    turnKnobs: async (knobs) => {
      await control('POST', '/knobs', knobs);
    },
    addFault: async (fault) => {
      await control('POST', '/faults', fault);
    },
    removeFaults: async () => {
      await control('DELETE', '/faults');
    },
    selectAccount: async ({ rutterAccountId, startDate }) => {
      await control('POST', `/accounts/${rutterAccountId}/select`, { transaction_start_date: startDate });
    },
    requests: async (last) => {
      const path = `/requests?limit=${String(last)}`;
      return (await control<{ requests: readonly SeenRequest[] }>('GET', path)).requests;
    },
    book: async ({ rutterAccountId, offset }) => {
      const path = `/book?account_id=${rutterAccountId}&offset=${String(offset)}`;
      const account = (await control<{ accounts: readonly BookedAccount[] }>('GET', path)).accounts[0];
      if (account === undefined) throw new Error(`the sandbox has no account ${rutterAccountId}`);
      return account;
    },
    verdict: () => control<Verdict>('GET', '/violations'),
  };
}

/** When a request arrived, epoch ms; the log has the time of its end. */
export function arrivedAtMs(request: SeenRequest): number {
  return Date.parse(request.at) - request.duration_ms;
}

export function isPostOfTransactions(request: SeenRequest): boolean {
  return request.method === 'POST' && request.path.startsWith('/accounting/bank_feeds/transactions');
}
