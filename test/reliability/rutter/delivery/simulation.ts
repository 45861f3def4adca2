import { randomUUID } from 'node:crypto';
import { isRutterError } from '../../../../src/clients/rutter/errors.js';
import { ApplicationFailure } from '@temporalio/common';
import { CredentialsRejected } from '../../../../src/activities/failures.js';
import {
  rutterRunDelivery,
  type RunDeliveryResult,
} from '../../../../src/activities/rutter/delivery/run-delivery.js';
import { rutterReadConnection } from '../../../../src/activities/rutter/connection/read-connection.js';
import { runRutterCommand } from '../../../../src/activities/rutter/run-command.js';
import { insertCommand } from '../../../../src/db/commands.js';
import { sealAccessToken } from '../../../../src/db/connections.js';
import type { Pool } from '../../../../src/db/pool.js';
import { CoreBanking } from '../core-banking.js';
import { depsOf, runActivity, type DeliveryFixture, type OpenSandbox } from './fixture.js';
import type { DeliveryPlan } from './plan.js';
import type { RequestGate } from './gate.js';
import { KillableProcess, type Crash } from './killable-process.js';
import type { CheckedFeed } from '../feed-rows.js';
import { Traffic } from '../traffic.js';

export interface DeliveryConnection {
  readonly connectionId: string;
  readonly rutterConnectionId: string;
}

export interface DeliveryAccount {
  readonly accountId: string;
  readonly currency: string;
  readonly timeZone: string | null;
}

export interface DeliveryFeed extends CheckedFeed {
  readonly connectionId: string;
  /** The start date that the customer chose last in Sage; null: not selected yet. */
  startDate: string | null;
}

/** How an attempt of the activity ended, as Temporal would see it. */
export type DeliveryRunEnding = RunDeliveryResult | 'failed' | 'crashed';

/**
 * The parts of one run: real ingestion and activities, PostgreSQL and the sandbox over HTTP. Counts what justifies a
 * repeated POST or relaxes a check.
 */
export class DeliverySimulation {
  readonly bank: CoreBanking;
  readonly traffic = new Traffic();
  readonly connections: DeliveryConnection[] = [];
  readonly accounts: DeliveryAccount[] = [];
  readonly feeds: DeliveryFeed[] = [];
  /** Violations found during the run. */
  readonly violations: string[] = [];
  /** Accounts that Sage has changed since their connection was last checked. */
  readonly unseen = new Set<string>();
  /** Keys of batches that were open when a change was read: these batches are still completed as they were built. */
  readonly openAtChange = new Set<string>();
  /** When an account named the one that it replaces, by its id; ISO text of the database's clock. */
  readonly replacedAt = new Map<string, string>();
  /** Postings that an operator discarded although Rutter had them, by feed and id. */
  readonly accepted = new Set<string>();
  readonly counts = {
    crashes: 0,
    frozenSenders: 0,
    resumes: 0,
    decisions: 0,
    holds: 0,
    closings: 0,
    moves: 0,
    resyncs: 0,
    buildsMax: 0,
    postsAfterUnseenChange: 0,
  };
  readonly #fetch: typeof fetch;

  constructor(
    readonly fixture: DeliveryFixture,
    readonly open: OpenSandbox,
  ) {
    this.bank = new CoreBanking(fixture.pool);
    const monitored = this.traffic.monitor(fetch);
    this.#fetch = async (input, init) => {
      const before = this.traffic.batches.length;
      const answer = monitored(input, init);
      const sent = this.traffic.batches[before];
      if (sent !== undefined) this.#countUnseenChange(sent.rutterAccountId, sent.idempotencyKey);
      return await answer;
    };
  }

  #countUnseenChange(rutterAccountId: string, key: string): void {
    if (this.unseen.has(rutterAccountId) || this.openAtChange.has(key))
      this.counts.postsAfterUnseenChange += 1;
  }

  /** One delivery run, in a process of its own. */
  async deliveryRun(
    feed: DeliveryFeed,
    how: { readAccount?: boolean; crash?: Crash | null; gate?: RequestGate } = {},
  ): Promise<DeliveryRunEnding> {
    const process = new KillableProcess(how.crash ?? null);
    const deps = this.#depsOf(process, how.gate);
    const input = { feedId: feed.feedId, readAccount: how.readAccount ?? false };
    const ending = await this.#attempt(process, () => runActivity(rutterRunDelivery(deps), input));
    return ending;
  }

  /** One resync of what was delivered since a date, as an operator requests it. */
  async resync(feed: DeliveryFeed, how: { from: string; crash: Crash | null }): Promise<void> {
    const { pool } = this.fixture;
    const commandId = randomUUID();
    const { rows } = await pool.query<{ id: string }>(
      `SELECT customer_id AS id FROM feeds WHERE feed_id = $1`,
      [feed.feedId],
    );
    await insertCommand(pool, {
      commandId,
      customerId: rows[0]?.id ?? '',
      kind: 'resync_feed',
      secretSealed: null,
      input: { feed_id: feed.feedId, from: how.from, dry_run: false },
    });
    // Like Temporal, a crashed attempt is repeated.
    for (const crash of [how.crash, null]) {
      const process = new KillableProcess(crash);
      const run = runRutterCommand(this.#depsOf(process, undefined));
      if ((await this.#attempt(process, () => runActivity(run, { commandId }))) !== 'crashed') return;
    }
  }

  /** One check by the workflow of the connection. Returns whether it has read the accounts. */
  async checkConnection(connection: DeliveryConnection, crash: Crash | null = null): Promise<boolean> {
    const process = new KillableProcess(crash);
    const deps = this.#depsOf(process, undefined);
    const input = { connectionId: connection.connectionId, awaitedForMs: 0 };
    this.counts.buildsMax += this.feeds.length;
    const openKeys = await this.#openKeys(connection);
    const ending = await this.#attempt(process, () => runActivity(rutterReadConnection(deps), input));
    if (ending === 'failed' || ending === 'crashed') return false;
    if (ending.refused) {
      // The workflow would sleep until its next poll.
      if (ending.nextPollMs !== null) await this.fixture.clock.advance(ending.nextPollMs);
      return false;
    }
    for (const key of openKeys) this.openAtChange.add(key);
    for (const feed of this.feeds) {
      if (feed.connectionId === connection.connectionId) this.unseen.delete(feed.rutterAccountId);
    }
    return true;
  }

  async #openKeys(connection: DeliveryConnection): Promise<string[]> {
    const { rows } = await this.fixture.pool.query<{ key: string }>(
      `SELECT a.idempotency_key AS key FROM batches b JOIN attempts a USING (batch_id)
        WHERE b.connection_id = $1 AND b.state = 'open'`,
      [connection.connectionId],
    );
    return rows.map((row) => row.key);
  }

  #depsOf(process: KillableProcess, gate: RequestGate | undefined) {
    const { fixture, open } = this;
    const gatedFetch = gate === undefined ? this.#fetch : gate.fetch(this.#fetch);
    return depsOf({
      fixture,
      sandbox: open.sandbox,
      pool: process.pool(fixture.pool),
      fetch: process.fetch(gatedFetch),
      longTimeouts: gate !== undefined,
    });
  }

  async #attempt<T>(process: KillableProcess, run: () => Promise<T>): Promise<T | 'failed' | 'crashed'> {
    try {
      const result = await run();
      if (!process.crashed) return result;
    } catch (error) {
      const expected =
        process.crashed ||
        isRutterError(error) ||
        error instanceof ApplicationFailure ||
        error instanceof CredentialsRejected;
      if (!expected)
        this.violations.push(`unexpected failure: ${error instanceof Error ? (error.stack ?? '') : 'none'}`);
      if (!process.crashed) return 'failed';
    }
    this.counts.crashes += 1;
    return 'crashed';
  }
}

/** Creates the customer, connections, accounts and feeds of a plan. */
export async function createDeliverySimulation(
  fixture: DeliveryFixture,
  open: OpenSandbox,
  plan: DeliveryPlan,
): Promise<DeliverySimulation> {
  const simulation = new DeliverySimulation(fixture, open);
  const { pool } = fixture;
  const customerId = `cust-${randomUUID()}`;
  await pool.query(`INSERT INTO customers (customer_id, name) VALUES ($1, 'Harbour Joinery')`, [customerId]);
  const plain = depsOf({ fixture, sandbox: open.sandbox, pool, fetch, longTimeouts: true });
  const tokens: string[] = [];
  for (let index = 0; index < plan.connections; index += 1) {
    const made = await plain.rutter.createConnection({
      platform: 'SAGE_BANK_FEEDS',
      idempotencyKey: randomUUID(),
    });
    const connectionId = randomUUID();
    const sealed = sealAccessToken(fixture.keyring, { connectionId, accessToken: made.accessToken });
    await pool.query(
      `INSERT INTO connections (connection_id, customer_id, platform, rutter_connection_id, access_token_sealed)
       VALUES ($1, $2, 'SAGE_BANK_FEEDS', $3, $4)`,
      [connectionId, customerId, made.id, sealed],
    );
    tokens.push(made.accessToken);
    simulation.connections.push({ connectionId, rutterConnectionId: made.id });
  }
  for (const planned of plan.accounts) {
    const { currency, timeZone } = planned;
    const account = { accountId: `acc-${randomUUID()}`, currency, timeZone };
    simulation.accounts.push(account);
    await pool.query(
      `INSERT INTO accounts (account_id, customer_id, name, type, currency, time_zone)
       VALUES ($1, $2, 'Trading', 'bank', $3, $4)`,
      [account.accountId, customerId, currency, timeZone],
    );
    const first = planned.connection % plan.connections;
    const indexes = planned.onBoth && plan.connections === 2 ? [first, 1 - first] : [first];
    for (const [turn, index] of indexes.entries()) {
      const created = await plain.rutter.createAccount({
        accessToken: tokens[index] ?? '',
        idempotencyKey: randomUUID(),
        account: {
          internalBankAccountId: account.accountId,
          bankAccountType: 'bank',
          currencyCode: account.currency,
          name: 'Trading',
        },
      });
      if (created.kind !== 'done') throw new Error('the sandbox did not create the account synchronously');
      const connection = simulation.connections[index];
      if (connection === undefined) throw new Error('the plan names an unknown connection');
      await addFeed(simulation, pool, {
        customerId,
        account,
        rutterAccountId: created.account.id,
        connectionId: connection.connectionId,
        startDate: planned.active ? (turn === 0 ? planned.startDate : planned.otherStartDate) : null,
      });
    }
  }
  for (const connection of simulation.connections) await simulation.checkConnection(connection);
  return simulation;
}

async function addFeed(
  simulation: DeliverySimulation,
  pool: Pool,
  input: {
    customerId: string;
    account: DeliveryAccount;
    rutterAccountId: string;
    connectionId: string;
    startDate: string | null;
  },
): Promise<void> {
  const { account, connectionId, rutterAccountId, startDate } = input;
  const feedId = randomUUID();
  await pool.query(
    `INSERT INTO feeds (feed_id, customer_id, account_id, connection_id, rutter_account_id, published_at, state)
     VALUES ($1, $2, $3, $4, $5, now(), 'awaiting_activation')`,
    [feedId, input.customerId, account.accountId, connectionId, rutterAccountId],
  );
  if (startDate !== null) {
    await simulation.open.control('POST', `/accounts/${rutterAccountId}/select`, {
      transaction_start_date: startDate,
    });
  }
  simulation.feeds.push({ feedId, accountId: account.accountId, connectionId, rutterAccountId, startDate });
}
