import { createHash } from 'node:crypto';

/** One POST of transactions as it was sent, whatever its outcome. */
export interface SentBatch {
  readonly idempotencyKey: string;
  readonly rutterAccountId: string;
  readonly transactionIds: readonly string[];
  readonly bodySha256: string;
}

const transactionsPath = '/accounting/bank_feeds/transactions';

/**
 * Records the requests between the client and the network: every POST of a batch, and the number of answers other than
 * 2xx, which justify a repeat. Counting here and not in the faults includes failures caused by an overloaded machine.
 */
export class Traffic {
  readonly batches: SentBatch[] = [];
  /** Answers other than 2xx, and missing ones. */
  failures = 0;

  /** A `fetch` whose requests are recorded. */
  monitor(fetchIt: typeof fetch): typeof fetch {
    return async (input, init) => {
      this.#record(input, init);
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

  #record(input: Parameters<typeof fetch>[0], init: RequestInit | undefined): void {
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

/** Whether a request is the POST of a batch. */
export function isPostOfBatch(input: Parameters<typeof fetch>[0], init: RequestInit | undefined): boolean {
  const url = input instanceof Request ? input.url : String(input);
  return init?.method === 'POST' && new URL(url).pathname.endsWith(transactionsPath);
}
