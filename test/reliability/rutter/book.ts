/** A call of the sandbox's control endpoints. */
export type Control = (method: string, path: string, body?: unknown) => Promise<Record<string, unknown>>;

export interface BookedTransaction {
  readonly transaction_id: string;
  readonly posted_at: string;
  readonly amount: number;
  readonly description: string;
  readonly transaction_type: string;
  readonly debit_credit_memo: string;
  readonly payee?: string | null;
}

/** Reads the transactions that the sandbox has booked, by account and in the order of acceptance. */
export async function readBook(control: Control): Promise<Map<string, BookedTransaction[]>> {
  const answer = (await control('GET', '/book')) as {
    accounts: { account_id: string; transactions: BookedTransaction[] }[];
  };
  return new Map(answer.accounts.map((account) => [account.account_id, account.transactions]));
}
