import type { PrintLine } from '../local/local-failure.js';
import type { CoreBanking } from './core-banking.js';
import { postingId } from './core-banking.js';
import type { SeededFeed } from '../../test/support/rutter/seed-feed.js';
import type { Stack } from './stack.js';
import { waitUntil } from './wait-until.js';

/** Violations of the guarantees: counts, and one sentence for each. */
export interface Findings {
  readonly lost: number;
  readonly twice: number;
  readonly violations: number;
  readonly faults: readonly string[];
}

/** Time to catch up after the last kill: the repair job restores a lost signal within a minute or two. */
const catchUpMs = 240_000;
const checkEveryMs = 500;
const progressEveryMs = 10_000;
const feedsAtOnce = 10;

/** Compares the sandbox's book with the sent postings, incrementally, and reports each violation of the contract. */
export class Checker {
  /** By account: the number of postings of its book that have been compared. */
  private readonly compared = new Map<string, number>();

  constructor(
    private readonly stack: Stack,
    private readonly feeds: readonly SeededFeed[],
    private readonly coreBanking: CoreBanking,
  ) {}

  /** During the run: the postings booked so far are in order, each once, and no rule is broken. */
  async check(): Promise<Findings> {
    this.coreBanking.throwIfFailed();
    const faults: string[] = [];
    let twice = 0;
    for (let from = 0; from < this.feeds.length; from += feedsAtOnce) {
      const some = this.feeds.slice(from, from + feedsAtOnce);
      for (const found of await Promise.all(some.map((feed) => this.compare(feed)))) {
        twice += found.twice;
        faults.push(...found.faults);
      }
    }
    const { violations, resent } = await this.stack.rutter.verdict();
    faults.push(...violations.map(({ rule, detail }) => `violation ${rule}: ${detail}`));
    faults.push(...resent.map(({ detail }) => `sent again under a new key: ${detail}`));
    faults.push(...(await this.ledgerFaults()));
    const broken = await this.stack.brokenRuns();
    if (broken > 0) faults.push(`${String(broken)} workflow runs failed`);
    return { lost: 0, twice: twice + resent.length, violations: violations.length, faults };
  }

  /** At the end: waits until every sent posting is booked and every feed is live, then checks again. */
  async conclude(printLine: PrintLine): Promise<Findings> {
    await this.coreBanking.stop();
    let pending = 'nothing was checked';
    let reportedAtMs = Date.now();
    const caughtUp = await waitUntil(
      async () => {
        pending = await this.unfinished();
        if (Date.now() - reportedAtMs > progressEveryMs) {
          reportedAtMs = Date.now();
          printLine(`     ${pending}`);
        }
        return pending === '' || undefined;
      },
      { what: 'every feed has caught up', everyMs: checkEveryMs, timeoutMs: catchUpMs },
    ).catch(() => false);
    const findings = await this.check();
    let lost = 0;
    for (const feed of this.feeds) {
      lost += this.coreBanking.sent(feed) - (this.compared.get(feed.accountId) ?? 0);
    }
    const faults = [...findings.faults];
    if (lost !== 0) faults.push(`${String(lost)} postings are not booked`);
    if (!caughtUp) faults.push(`not caught up in ${String(catchUpMs / 1_000)} s: ${pending}`);
    return { ...findings, lost, faults };
  }

  /** Compares the postings booked since the last check: the next numbers, each once. */
  private async compare(feed: SeededFeed): Promise<{ twice: number; faults: string[] }> {
    const from = this.compared.get(feed.accountId) ?? 0;
    const book = await this.stack.rutter.book({ rutterAccountId: feed.rutterAccountId, offset: from });
    const faults: string[] = [];
    const wrong = book.transactions.findIndex(
      ({ transaction_id: id }, index) => id !== postingId(from + index),
    );
    if (wrong !== -1) {
      const { transaction_id: id = '' } = book.transactions[wrong] ?? {};
      faults.push(`feed ${feed.feedId}: ${id} is at position ${String(from + wrong)}: lost or out of order`);
    }
    const twice = book.batches.reduce((total, batch) => total + batch.duplicates, 0);
    if (twice > 0) faults.push(`feed ${feed.feedId}: ${String(twice)} postings were sent again`);
    if (book.count > this.coreBanking.sent(feed))
      faults.push(`feed ${feed.feedId}: more is booked than was sent`);
    this.compared.set(feed.accountId, from + book.transactions.length);
    return { twice, faults };
  }

  /** States of the tables that must never occur. */
  private async ledgerFaults(): Promise<string[]> {
    const { rows } = await this.stack.pool.query<{ renewed: string; undone: string; blocked: string }>(
      `SELECT (SELECT count(*) FROM attempts WHERE number > 1) AS renewed,
              (SELECT count(*) FROM batches WHERE state NOT IN ('open', 'delivered')) AS undone,
              (SELECT count(*) FROM ledger WHERE exception IS NOT NULL) AS blocked`,
    );
    const [row] = rows;
    const faults: string[] = [];
    // None of the injected faults justifies one of these.
    if (row?.renewed !== '0') faults.push(`${row?.renewed ?? '?'} batches got a second key`);
    if (row?.undone !== '0') faults.push(`${row?.undone ?? '?'} batches were not delivered`);
    if (row?.blocked !== '0') faults.push(`${row?.blocked ?? '?'} postings have an exception`);
    return faults;
  }

  private async unfinished(): Promise<string> {
    const { rows } = await this.stack.pool.query<{ state: string; feeds: string }>(
      `SELECT state || coalesce(' (' || reason || ')', '') AS state, count(*) AS feeds
         FROM feeds WHERE state <> 'live' OR reason IS NOT NULL GROUP BY 1`,
    );
    if (rows.length > 0) return rows.map((row) => `${row.feeds} feeds ${row.state}`).join(', ');
    let missing = 0;
    for (const feed of this.feeds) {
      const { rows: counted } = await this.stack.pool.query<{ delivered: string }>(
        `SELECT count(*) AS delivered FROM ledger l JOIN batches b USING (batch_id)
          WHERE l.feed_id = $1 AND b.state = 'delivered'`,
        [feed.feedId],
      );
      missing += this.coreBanking.sent(feed) - Number(counted[0]?.delivered ?? 0);
    }
    return missing === 0 ? '' : `${String(missing)} postings are not delivered`;
  }
}
