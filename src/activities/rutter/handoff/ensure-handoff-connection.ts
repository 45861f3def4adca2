import { randomUUID } from 'node:crypto';
import { cancellationSignal } from '@temporalio/activity';
import {
  claimConnection,
  insertConnection,
  lockConnection,
  lockConnectionByRutterId,
  readConnection,
  sealAccessToken,
} from '../../../db/connections.js';
import { renewHandoffKey, setHandoffConnection } from '../../../db/rutter/handoff-progress.js';
import { lockHandoff, readHandoff, type HandoffRow } from '../../../db/rutter/handoffs.js';
import { transaction, type Queryable } from '../../../db/pool.js';
import type { HandoffReason, HandoffState } from '../../../domain/rutter/handoff.js';
import { planConnection } from '../../../domain/rutter/connection.js';
import { recordingRejectedCredentials } from '../rejected-credentials.js';
import type { RutterDeps } from '../deps.js';
import { awaitRestoreRepair } from '../after-restore/await-repair.js';
import { isSpentKey } from '../explain-refusal.js';
import { Obsolete } from '../../failures.js';
import { workOnHandoff } from './work-on-handoff.js';

/*
 * The connection of a handoff: the chosen one, or a new one at Rutter (contract 5.1, 5.2), claimed for this handoff. A
 * repeat is safe: the connection's key was stored before the first call, so Rutter answers with the same connection;
 * its row, the handoff's tie to it and the claim are one transaction; and a handoff that lost its claim never claims
 * again. Failures: ProviderUnavailable, RateLimited, DatabaseUnavailable (retried); Refused, CredentialsRejected,
 * Obsolete.
 */

export interface EnsureHandoffConnectionInput {
  readonly handoffId: string;
}

export type EnsureHandoffConnectionResult =
  | { readonly outcome: 'claimed'; readonly connectionId: string }
  | { readonly outcome: 'refused'; readonly reason: HandoffReason }
  /** The handoff has ended meanwhile, or its deadline has passed. */
  | { readonly outcome: 'over'; readonly state: HandoffState };

export function rutterEnsureHandoffConnection(deps: RutterDeps) {
  return async (input: EnsureHandoffConnectionInput): Promise<EnsureHandoffConnectionResult> => {
    const handoff = await readHandoff(deps.pool, input);
    if (handoff?.customerId == null) throw new Obsolete('no customer has logged in to this handoff');
    if (!mayContinue(handoff)) return { outcome: 'over', state: handoff.state };
    const { connectionId, connectionKey, customerId } = handoff;
    if (connectionId !== null) {
      return await workOnHandoff(deps, input, () => claimChosen(deps, { handoff, connectionId }));
    }
    if (connectionKey === null) throw new Obsolete('the handoff has no choice of a connection');
    const creation = { handoff, connectionKey, customerId };
    return await workOnHandoff(deps, input, () =>
      recordingRejectedCredentials(deps, () => createAndClaim(deps, creation)),
    );
  };
}

function mayContinue(handoff: HandoffRow): boolean {
  return handoff.state === 'sharing' && handoff.remainingMs > 0;
}

async function claimChosen(
  deps: RutterDeps,
  { handoff, connectionId }: { handoff: HandoffRow; connectionId: string },
): Promise<EnsureHandoffConnectionResult> {
  const connection = await readConnection(deps.pool, { connectionId });
  if (connection?.customerId !== handoff.customerId || connection.unlinkRequestedAt !== null)
    return { outcome: 'refused', reason: 'connection_unavailable' };
  if (connection.linkState === 'awaited') return { outcome: 'refused', reason: 'connection_not_linked' };
  if (connection.status === 'refused') return { outcome: 'refused', reason: 'connection_refused' };
  return await transaction(deps.pool, (db) => claim(db, { handoff, connectionId }));
}

/** The connection's row is locked before any handoff's, here and everywhere: no two claims can wait for each other. */
async function claim(
  db: Queryable,
  { handoff, connectionId }: { handoff: HandoffRow; connectionId: string },
): Promise<EnsureHandoffConnectionResult> {
  await lockConnection(db, { connectionId });
  const now = await lockHandoff(db, handoff);
  if (now === null || !mayContinue(now)) return { outcome: 'over', state: now?.state ?? 'expired' };
  await claimConnection(db, { connectionId, handoffId: handoff.handoffId });
  return { outcome: 'claimed', connectionId };
}

async function createAndClaim(
  deps: RutterDeps,
  input: { handoff: HandoffRow; connectionKey: string; customerId: string },
): Promise<EnsureHandoffConnectionResult> {
  const { handoff, connectionKey, customerId } = input;
  const plan = planConnection({
    mode: deps.settings.connectionMode,
    platform: deps.settings.rutterPlatform,
  });
  // The page leads the customer to Rutter Link before: without that nobody has connected Sage.
  if (plan.linkState === 'awaited') return { outcome: 'refused', reason: 'connection_not_linked' };
  await awaitRestoreRepair(deps);
  const created = await deps.rutter
    .createConnection({
      platform: plan.createPlatform,
      idempotencyKey: connectionKey,
      priority: 'interactive',
      signal: cancellationSignal(),
    })
    .catch(async (error: unknown) => {
      // After an accepted 5xx an unused, empty connection may exist at Rutter: better than a handoff that cannot finish.
      if (isSpentKey(error)) {
        await renewHandoffKey(deps.pool, { ...handoff, spentKey: connectionKey, which: 'connection_key' });
      }
      throw error;
    });
  return await transaction(deps.pool, async (db) => {
    const fresh = randomUUID();
    const inserted = await insertConnection(db, {
      connectionId: fresh,
      customerId,
      platform: plan.platform,
      rutterConnectionId: created.id,
      accessTokenSealed: sealAccessToken(deps.keyring, {
        connectionId: fresh,
        accessToken: created.accessToken,
      }),
      name: created.name,
      linkUrl: created.linkUrl,
      linkState: plan.linkState,
      how: 'created',
    });
    // Not inserted: an earlier attempt of this activity has stored it.
    const connection = inserted
      ? { connectionId: fresh, customerId }
      : await lockConnectionByRutterId(db, { rutterConnectionId: created.id });
    if (connection?.customerId !== customerId)
      return { outcome: 'refused', reason: 'connection_unavailable' };
    const { connectionId } = connection;
    await setHandoffConnection(db, { handoffId: handoff.handoffId, connectionId });
    return await claim(db, { handoff, connectionId });
  });
}
