import type { AccountRecord, AnsweredTransaction, BookEntry, JobRecord, SentTransaction } from './records.js';

/**
 * What arrived, per account and per connection. `transaction_id` is unique per account for ever: the first data
 * stays, later data is dropped (Rutter's meaning of `duplicate: true`).
 */
export class Book {
  /** Insertion order is the order of acceptance: the checker reads it. */
  readonly #byAccount = new Map<string, Map<string, BookEntry>>();
  /** Ascending by (updatedAtMs, order): what GET lists walk from the end. */
  readonly #byConnection = new Map<string, BookEntry[]>();
  readonly #byId = new Map<string, BookEntry>();
  #order = 0;

  /** Stores the transactions of a finished job. Returns for each whether it is new or a duplicate. */
  add(
    account: AccountRecord,
    job: JobRecord,
    sent: readonly SentTransaction[],
    atMs: number,
  ): AnsweredTransaction[] {
    const known = this.#accountEntries(account.id);
    const log = this.#connectionEntries(account.connectionId);
    const clockWentBack = (log.at(-1)?.updatedAtMs ?? 0) > atMs;
    const answered = sent.map((transaction) => {
      const first = known.get(transaction.transaction_id);
      if (first !== undefined) {
        return { entry: first, duplicate: true, ingested: first.ingested, syncedAtMs: first.updatedAtMs };
      }
      // The sent object itself becomes the entry: a copy would double the memory of a long backfill.
      const entry: BookEntry = Object.assign(transaction, {
        order: ++this.#order,
        accountId: account.id,
        jobId: job.id,
        bookedAtMs: atMs,
        updatedAtMs: atMs,
        ingested: false,
      });
      known.set(transaction.transaction_id, entry);
      log.push(entry);
      this.#byId.set(entry.id, entry);
      return { entry, duplicate: false, ingested: false, syncedAtMs: atMs };
    });
    if (clockWentBack) log.sort(byUpdate);
    return answered;
  }

  has(accountId: string, transactionId: string): boolean {
    return this.#byAccount.get(accountId)?.has(transactionId) ?? false;
  }

  get(id: string): BookEntry | undefined {
    return this.#byId.get(id);
  }

  /** In the order of acceptance. */
  entriesOf(accountId: string): Iterable<BookEntry> {
    return this.#byAccount.get(accountId)?.values() ?? [];
  }

  countOf(accountId: string): number {
    return this.#byAccount.get(accountId)?.size ?? 0;
  }

  /** Ascending by (updatedAtMs, order). */
  logOf(connectionId: string): readonly BookEntry[] {
    return this.#byConnection.get(connectionId) ?? [];
  }

  /** Sage reads the transactions: every new one becomes `platform_ingested`, with the current time as its update time. */
  pull(atMs: number): number {
    let count = 0;
    for (const log of this.#byConnection.values()) {
      for (const entry of log) {
        if (entry.ingested) continue;
        entry.ingested = true;
        entry.updatedAtMs = atMs;
        count += 1;
      }
      log.sort(byUpdate);
    }
    return count;
  }

  /** Loses transactions, as no contract allows: what a resync is for. Sent again they are new. */
  forget(accountId: string, transactionIds: ReadonlySet<string>): void {
    const entries = this.#byAccount.get(accountId);
    for (const transactionId of transactionIds) {
      const entry = entries?.get(transactionId);
      if (entry === undefined) continue;
      entries?.delete(transactionId);
      this.#byId.delete(entry.id);
    }
    for (const [connectionId, log] of this.#byConnection) {
      const kept = log.filter((entry) => this.#byId.has(entry.id));
      if (kept.length < log.length) this.#byConnection.set(connectionId, kept);
    }
  }

  #accountEntries(accountId: string): Map<string, BookEntry> {
    let entries = this.#byAccount.get(accountId);
    if (entries === undefined) this.#byAccount.set(accountId, (entries = new Map<string, BookEntry>()));
    return entries;
  }

  #connectionEntries(connectionId: string): BookEntry[] {
    let entries = this.#byConnection.get(connectionId);
    if (entries === undefined) this.#byConnection.set(connectionId, (entries = []));
    return entries;
  }
}

function byUpdate(a: BookEntry, b: BookEntry): number {
  return a.updatedAtMs - b.updatedAtMs || a.order - b.order;
}
