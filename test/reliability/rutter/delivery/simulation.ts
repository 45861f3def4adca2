import { randomUUID } from 'node:crypto';
import { isRutterError } from '../../../../src/clients/rutter/errors.js';
import { ApplicationFailure } from '@temporalio/common';
import { CredentialsRejected } from '../../../../src/activities/failures.js';
import {
  rutterRunDelivery,
  type RunDeliveryResult,
} from '../../../../src/activities/rutter/delivery/run-delivery.js';
import { rutterReadConnection } from '../../../../src/activities/rutter/connection/read-connection.js';
import { rutterRunCommand } from '../../../../src/activities/rutter/run-command.js';
import { insertCommand } from '../../../../src/db/commands.js';
import { sealAccessToken } from '../../../../src/db/connections.js';
import type { Pool } from '../../../../src/db/pool.js';
import { CoreBank } from '../../core-banking.js';
import { depsOf, runActivity, type DeliverFixture, type OpenSandbox } from './fixture.js';
import type { DeliverPlan } from './plan.js';
import type { Gate } from '../../gate.js';
import { MortalProcess, type Death } from '../../killable-process.js';
import type { CheckedFeed } from '../checker.js';
import { Traffic } from '../traffic.js';

export interface SimulationConnection {
  readonly connectionId: string;
  readonly rutterConnectionId: string;
}

export interface SimulationAccount {
  readonly accountId: string;
  readonly currency: string;
}

export interface SimulationFeed extends CheckedFeed {
  readonly connectionId: string;
  /** What the customer chose in Sage last; null: not chosen yet. */
  startDate: string | null;
}

/** How an attempt of the activity ended, as Temporal would learn it. */
export type DeliveryRunEnding = RunDeliveryResult | 'failed' | 'died';

/**
 * One run's simulation: real ingestion, real activities, a real PostgreSQL and the real sandbox over HTTP. It keeps count of
 * what justifies a repeat or excuses a breach, and of what was exercised at all.
 */
export class DeliverSimulation {
  readonly bank: CoreBank;
  readonly traffic = new Traffic();
  readonly connections: SimulationConnection[] = [];
  readonly accounts: SimulationAccount[] = [];
  readonly feeds: SimulationFeed[] = [];
  /** Breaches seen on the way. */
  readonly breaches: string[] = [];
  /** Accounts that Sage has changed since somebody looked last. */
  readonly unseen = new Set<string>();
  /** Keys of batches that were open when a change was seen: they must be completed as they were built. */
  readonly begunBefore = new Set<string>();
  /** What an operator discarded although Rutter had it: by feed and id. */
  readonly accepted = new Set<string>();
  readonly counts = {
    ...{ deaths: 0, zombies: 0, resumes: 0, decisions: 0, resyncs: 0, cutsMax: 0 },
    postsUnderUnseenChange: 0,
  };
  readonly #fetch: typeof fetch;

  constructor(
    readonly fixture: DeliverFixture,
    readonly open: OpenSandbox,
  ) {
    this.bank = new CoreBank(fixture.pool);
    const watched = this.traffic.watch(fetch);
    this.#fetch = async (input, init) => {
      const before = this.traffic.batches.length;
      const answer = watched(input, init);
      const sent = this.traffic.batches[before];
      if (sent !== undefined) this.#excuse(sent.rutterAccountId, sent.idempotencyKey);
      return await answer;
    };
  }

  #excuse(rutterAccountId: string, key: string): void {
    if (this.unseen.has(rutterAccountId) || this.begunBefore.has(key))
      this.counts.postsUnderUnseenChange += 1;
  }

  /** One attempt of the deliver activity, in a process of its own. */
  async deliveryRun(
    feed: SimulationFeed,
    how: { readAccount?: boolean; death?: Death | null; gate?: Gate } = {},
  ): Promise<DeliveryRunEnding> {
    const process = new MortalProcess(how.death ?? null);
    const deps = this.#depsOf(process, how.gate);
    const input = { feedId: feed.feedId, readAccount: how.readAccount ?? false };
    const ending = await this.#attempt(process, () => runActivity(rutterRunDelivery(deps), input));
    return ending;
  }

  /** One attempt at comparing with Rutter what was delivered from a date on, as an operator orders it. */
  async resync(feed: SimulationFeed, how: { from: string; death: Death | null }): Promise<void> {
    const { pool } = this.fixture;
    const commandId = randomUUID();
    const { rows } = await pool.query<{ id: string }>(
      `SELECT customer_id AS id FROM feeds WHERE feed_id = $1`,
      [feed.feedId],
    );
    await insertCommand(pool, {
      ...{ commandId, customerId: rows[0]?.id ?? '', kind: 'resync_feed', secretSealed: null },
      input: { feed_id: feed.feedId, from: how.from, dry_run: false },
    });
    // As Temporal does with an attempt that nobody heard of again.
    for (const death of [how.death, null]) {
      const process = new MortalProcess(death);
      const run = rutterRunCommand(this.#depsOf(process, undefined));
      if ((await this.#attempt(process, () => runActivity(run, { commandId }))) !== 'died') return;
    }
  }

  /** One look of the connection's workflow. Answers whether it has seen the accounts. */
  async look(connection: SimulationConnection, death: Death | null = null): Promise<boolean> {
    const process = new MortalProcess(death);
    const deps = this.#depsOf(process, undefined);
    const input = { connectionId: connection.connectionId, awaitedForMs: 0 };
    this.counts.cutsMax += this.feeds.length;
    const begun = await this.#openKeys(connection);
    const ending = await this.#attempt(process, () => runActivity(rutterReadConnection(deps), input));
    if (ending === 'failed' || ending === 'died') return false;
    if (ending.refused) {
      // The workflow would sleep until then.
      if (ending.nextPollMs !== null) await this.fixture.clock.advance(ending.nextPollMs);
      return false;
    }
    for (const key of begun) this.begunBefore.add(key);
    for (const feed of this.feeds) {
      if (feed.connectionId === connection.connectionId) this.unseen.delete(feed.rutterAccountId);
    }
    return true;
  }

  async #openKeys(connection: SimulationConnection): Promise<string[]> {
    const { rows } = await this.fixture.pool.query<{ key: string }>(
      `SELECT a.idempotency_key AS key FROM batches b JOIN attempts a USING (batch_id)
        WHERE b.connection_id = $1 AND b.state = 'open'`,
      [connection.connectionId],
    );
    return rows.map((row) => row.key);
  }

  #depsOf(process: MortalProcess, gate: Gate | undefined) {
    const { fixture, open } = this;
    const outward = gate === undefined ? this.#fetch : gate.fetch(this.#fetch);
    return depsOf({
      fixture,
      sandbox: open.sandbox,
      pool: process.pool(fixture.pool),
      fetch: process.fetch(outward),
      patient: gate !== undefined,
    });
  }

  async #attempt<T>(process: MortalProcess, run: () => Promise<T>): Promise<T | 'failed' | 'died'> {
    try {
      const result = await run();
      if (!process.dead) return result;
    } catch (error) {
      const expected =
        process.dead ||
        isRutterError(error) ||
        error instanceof ApplicationFailure ||
        error instanceof CredentialsRejected;
      if (!expected)
        this.breaches.push(`unexpected failure: ${error instanceof Error ? (error.stack ?? '') : 'none'}`);
      if (!process.dead) return 'failed';
    }
    this.counts.deaths += 1;
    return 'died';
  }
}

/** Makes the plan's customers, connections, accounts and feeds. */
export async function createDeliverSimulation(
  fixture: DeliverFixture,
  open: OpenSandbox,
  plan: DeliverPlan,
): Promise<DeliverSimulation> {
  const simulation = new DeliverSimulation(fixture, open);
  const { pool } = fixture;
  const customerId = `cust-${randomUUID()}`;
  await pool.query(`INSERT INTO customers (customer_id, name) VALUES ($1, 'Harbour Joinery')`, [customerId]);
  const plain = depsOf({ fixture, sandbox: open.sandbox, pool, fetch, patient: true });
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
    const account = { accountId: `acc-${randomUUID()}`, currency: planned.currency };
    simulation.accounts.push(account);
    await pool.query(
      `INSERT INTO accounts (account_id, customer_id, name, type, currency) VALUES ($1, $2, 'Trading', 'bank', $3)`,
      [account.accountId, customerId, account.currency],
    );
    const first = planned.connection % plan.connections;
    const places = planned.onBoth && plan.connections === 2 ? [first, 1 - first] : [first];
    for (const [turn, place] of places.entries()) {
      const created = await plain.rutter.createAccount({
        accessToken: tokens[place] ?? '',
        idempotencyKey: randomUUID(),
        account: {
          internalBankAccountId: account.accountId,
          bankAccountType: 'bank',
          currencyCode: account.currency,
          name: 'Trading',
        },
      });
      if (created.kind !== 'done') throw new Error('the sandbox did not answer at once');
      const connection = simulation.connections[place];
      if (connection === undefined) throw new Error('the plan names a connection that is none');
      await addFeed(simulation, pool, {
        ...{ customerId, account, rutterAccountId: created.account.id },
        connectionId: connection.connectionId,
        startDate: planned.active ? (turn === 0 ? planned.startDate : planned.otherStartDate) : null,
      });
    }
  }
  for (const connection of simulation.connections) await simulation.look(connection);
  return simulation;
}

async function addFeed(
  simulation: DeliverSimulation,
  pool: Pool,
  input: {
    customerId: string;
    account: SimulationAccount;
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
