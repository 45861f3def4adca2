import { randomUUID } from 'node:crypto';
import pLimit from 'p-limit';
import { isRutterError } from '../../../clients/rutter/errors.js';
import type { ListedConnection, RutterAccount } from '../../../clients/rutter/schemas.js';
import {
  insertConnection,
  lockConnectionByRutterId,
  openAccessToken,
  sealAccessToken,
} from '../../../db/connections.js';
import { transaction } from '../../../db/pool.js';
import {
  listConnectionsOf,
  listFeedAccounts,
  listKnownConnections,
  readOwnAccounts,
  type OwnAccount,
} from '../../../db/rutter/after-restore.js';
import { createFeed } from '../../../db/rutter/publications.js';
import type { RutterDeps } from '../deps.js';
import { listAccounts } from '../publishing/list-accounts.js';
import { matchAccount } from '../publishing/match-account.js';

/** Reads of Rutter at a time; the limiter holds them back besides. */
const readsAtOnce = 4;

export interface Adopted {
  readonly connections: number;
  readonly feeds: number;
  readonly unreadable: number;
}

/**
 * Connections that Rutter has and we have not, because they were made in the lost time: those with accounts of exactly one
 * of our customers get their row again, and each account its feed on its old connection, so that nothing is sent to a
 * second account. The same for accounts that were published in the lost time on known connections of `customerIds`. A
 * repeat finds the rows and changes nothing. Connections without an account of ours are left alone.
 */
export async function adoptLostConnections(
  deps: RutterDeps,
  { customerIds }: { customerIds: ReadonlySet<string> },
): Promise<Adopted> {
  const signal = deps.stopping;
  const listed = await deps.rutter.listConnections({ signal });
  const rutterConnectionIds = listed.map(({ id }) => id);
  const known = await listKnownConnections(deps.pool, { rutterConnectionIds });
  const limit = pLimit(readsAtOnce);
  const adopted = await limit.map(
    listed.filter(({ id }) => !known.has(id)),
    (connection) => adoptConnection(deps, connection),
  );
  const ofCustomers = await listConnectionsOf(deps.pool, { customerIds: [...customerIds] });
  const completed = await limit.map(ofCustomers, async (connection) => {
    const accessToken = openAccessToken(deps.keyring, connection);
    const accounts = await readAccounts(deps, { accessToken });
    if (accounts === null) return null;
    const own = await ownAccounts(deps, accounts);
    const ofCustomer = own.filter(({ customerId }) => customerId === connection.customerId);
    return { isNew: false, feeds: await restoreFeeds(deps, connection, { own: ofCustomer, accounts }) };
  });
  const all = [...adopted, ...completed];
  const done = all.filter((each) => each !== null);
  return {
    connections: done.filter(({ isNew }) => isNew).length,
    feeds: done.reduce((sum, { feeds }) => sum + feeds, 0),
    unreadable: all.length - done.length,
  };
}

/** Null: Rutter refuses to show its accounts. */
async function adoptConnection(
  deps: RutterDeps,
  listed: ListedConnection,
): Promise<{ isNew: boolean; feeds: number } | null> {
  const connectionId = randomUUID();
  const { accessToken } = listed;
  const accounts = await readAccounts(deps, listed);
  if (accounts === null) return null;
  const own = await ownAccounts(deps, accounts);
  const [customerId, ...others] = [...new Set(own.map((account) => account.customerId))];
  if (customerId === undefined || others.length > 0) return { isNew: false, feeds: 0 };
  const stored = await transaction(deps.pool, async (db) => {
    await insertConnection(db, {
      connectionId,
      customerId,
      platform: listed.platform ?? deps.settings.rutterPlatform,
      rutterConnectionId: listed.id,
      accessTokenSealed: sealAccessToken(deps.keyring, { connectionId, accessToken }),
      name: listed.name,
      linkUrl: listed.linkUrl,
      linkState: 'done',
      how: 'adopted',
    });
    return await lockConnectionByRutterId(db, { rutterConnectionId: listed.id });
  });
  if (stored?.customerId !== customerId) return { isNew: false, feeds: 0 };
  return { isNew: true, feeds: await restoreFeeds(deps, stored, { own, accounts }) };
}

/** Feeds of accounts that Rutter has on this connection and we have not. A closed feed stays closed. */
async function restoreFeeds(
  deps: RutterDeps,
  { connectionId, customerId }: { connectionId: string; customerId: string },
  { own, accounts }: { own: readonly OwnAccount[]; accounts: readonly RutterAccount[] },
): Promise<number> {
  const known = await listFeedAccounts(deps.pool, { connectionId });
  let feeds = 0;
  for (const account of own.filter(({ accountId }) => !known.has(accountId))) {
    const match = matchAccount({ ...account, rutterAccountId: null }, accounts);
    if (match.kind !== 'found') continue;
    const { accountId } = account;
    const { rutterAccountId } = match;
    const made = await transaction(deps.pool, (db) =>
      createFeed(db, { customerId, connectionId, accountId, rutterAccountId }),
    );
    if (made.outcome === 'created') feeds += 1;
  }
  // Its workflow reads the accounts, and wakes the feeds that may send.
  if (feeds > 0) await deps.workflows.wakeConnection({ connectionId });
  return feeds;
}

async function ownAccounts({ pool }: RutterDeps, accounts: readonly RutterAccount[]): Promise<OwnAccount[]> {
  const accountIds = accounts.flatMap(({ internalBankAccountId: id }) => (id === null ? [] : [id]));
  return await readOwnAccounts(pool, { accountIds });
}

/** Null: Rutter refuses the connection, or this read of it. */
async function readAccounts(
  deps: RutterDeps,
  { accessToken }: { accessToken: string },
): Promise<RutterAccount[] | null> {
  try {
    return await listAccounts({ accessToken, deps, signal: deps.stopping });
  } catch (error) {
    if (isRutterError(error) && (error.kind === 'refused' || error.kind === 'unauthorized')) return null;
    throw error;
  }
}
