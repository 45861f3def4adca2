import type { Say } from '../local/local-failure.js';
import type { CoreBanking } from './core-banking.js';
import { postingId } from './core-banking.js';
import type { KillFeed } from './feeds.js';
import type { Stack } from './stack.js';
import { waitUntil } from './wait-until.js';

/** What was found wrong, counted; the sentences say where. */
export interface Findings {
  readonly lost: number;
  readonly twice: number;
  readonly violations: number;
  readonly faults: readonly string[];
}

/** After the last kill, with no hand on it: a signal that was lost is found by a repair job run within a minute or two. */
const advanceMs = 240_000;
const checkEveryMs = 500;
const tellEveryMs = 10_000;
const feedsAtOnce = 10;

/** Compares the sandbox's book with what was sent, as it grows, and searches for anything the contract forbids. */
export class Checker {
  /** By account: how many postings of its book were compared. */
  private readonly compared = new Map<string, number>();

  constructor(
    private readonly stack: Stack,
    private readonly feeds: readonly KillFeed[],
    private readonly core: CoreBanking,
  ) {}

  /** In the middle of the run: what is booked so far is in order, once, and no rule was broken. */
  async look(): Promise<Findings> {
    this.core.throwIfFailed();
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
    if (broken > 0) faults.push(`${String(broken)} workflow runs ended broken`);
    return { lost: 0, twice: twice + resent.length, violations: violations.length, faults };
  }

  /** At the end: waits until everything sent is booked and every feed is live, then checks once more. */
  async conclude(say: Say): Promise<Findings> {
    await this.core.stop();
    let late = 'nothing was checked';
    let toldAtMs = Date.now();
    const completed = await waitUntil(
      async () => {
        late = await this.unfinished();
        if (Date.now() - toldAtMs > tellEveryMs) {
          toldAtMs = Date.now();
          say(`     ${late}`);
        }
        return late === '' || undefined;
      },
      { what: 'every feed has caught up', everyMs: checkEveryMs, timeoutMs: advanceMs },
    ).catch(() => false);
    const findings = await this.look();
    let lost = 0;
    for (const feed of this.feeds) {
      lost += this.core.sent(feed) - (this.compared.get(feed.accountId) ?? 0);
    }
    const faults = [...findings.faults];
    if (lost !== 0) faults.push(`${String(lost)} postings are not booked`);
    if (!completed) faults.push(`not completed in ${String(advanceMs / 1_000)} s: ${late}`);
    return { ...findings, lost, faults };
  }

  /** Compares what was booked since the last check: the next numbers, each once. */
  private async compare(feed: KillFeed): Promise<{ twice: number; faults: string[] }> {
    const from = this.compared.get(feed.accountId) ?? 0;
    const book = await this.stack.rutter.book({ rutterAccountId: feed.rutterAccountId, offset: from });
    const faults: string[] = [];
    const wrong = book.transactions.findIndex(
      ({ transaction_id: id }, index) => id !== postingId(from + index),
    );
    if (wrong !== -1) {
      const { transaction_id: id = '' } = book.transactions[wrong] ?? {};
      faults.push(`feed ${feed.feedId}: ${id} stands at place ${String(from + wrong)}: lost or out of order`);
    }
    const twice = book.batches.reduce((total, batch) => total + batch.duplicates, 0);
    if (twice > 0) faults.push(`feed ${feed.feedId}: ${String(twice)} postings were sent again`);
    if (book.count > this.core.sent(feed)) faults.push(`feed ${feed.feedId}: more is booked than was sent`);
    this.compared.set(feed.accountId, from + book.transactions.length);
    return { twice, faults };
  }

  /** What must never be seen in the tables, whatever is under way. */
  private async ledgerFaults(): Promise<string[]> {
    const { rows } = await this.stack.pool.query<{ renewed: string; undone: string; blocked: string }>(
      `SELECT (SELECT count(*) FROM attempts WHERE number > 1) AS renewed,
              (SELECT count(*) FROM batches WHERE state NOT IN ('open', 'delivered')) AS undone,
              (SELECT count(*) FROM ledger WHERE exception IS NOT NULL) AS blocked`,
    );
    const [row] = rows;
    const faults: string[] = [];
    // No fault that was played justifies any of these.
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
      missing += this.core.sent(feed) - Number(counted[0]?.delivered ?? 0);
    }
    return missing === 0 ? '' : `${String(missing)} postings are not delivered`;
  }
}
