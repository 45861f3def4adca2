import { createHash } from 'node:crypto';

/** One POST of transactions as it left us, whatever became of it. */
export interface SentBatch {
  readonly idempotencyKey: string;
  readonly rutterAccountId: string;
  readonly transactionIds: readonly string[];
  readonly bodySha256: string;
}

const transactionsPath = '/accounting/bank_feeds/transactions';

/**
 * Stands between the client and the network and sees what goes over it: every POST of a batch, and every answer that
 * was not a plain success, which is what justifies a repeat. Counting here, not in the faults, also counts what an
 * overloaded machine does to us.
 */
export class Traffic {
  readonly batches: SentBatch[] = [];
  /** Answers that were no 2xx, or did not come. */
  failures = 0;

  /** A `fetch` that is watched. */
  watch(fetchIt: typeof fetch): typeof fetch {
    return async (input, init) => {
      this.#note(input, init);
      try {
        const response = await fetchIt(input, init);
        if (response.status >= 300) this.failures += 1;
        return response;
      } catch (error) {
        this.failures += 1;
        throw error;
      }
    };
  }

  #note(input: Parameters<typeof fetch>[0], init: RequestInit | undefined): void {
    if (!isPostOfBatch(input, init)) return;
    const body = typeof init?.body === 'string' ? init.body : '';
    const parsed = JSON.parse(body) as {
      bank_feed_transactions: { bank_feed_account_id: string; transactions: { transaction_id: string }[] };
    };
    const batch = parsed.bank_feed_transactions;
    this.batches.push({
      idempotencyKey: new Headers(init?.headers).get('idempotency-key') ?? '',
      rutterAccountId: batch.bank_feed_account_id,
      transactionIds: batch.transactions.map((transaction) => transaction.transaction_id),
      bodySha256: createHash('sha256').update(body).digest('hex'),
    });
  }
}

/** Whether a request carries a batch. */
export function isPostOfBatch(input: Parameters<typeof fetch>[0], init: RequestInit | undefined): boolean {
  const url = input instanceof Request ? input.url : String(input);
  return init?.method === 'POST' && new URL(url).pathname.endsWith(transactionsPath);
}
