import { ApplicationFailure } from '@temporalio/common';
import type { FeedRow } from '../../db/feeds.js';
import { failureTypes } from '../../domain/failures.js';
import { organisationRefusedReason } from '../../domain/feed.js';
import type { ActivityDeps } from '../deps.js';
import { readConnectionRefusal, type ConnectionRefusal } from '../explain-refusal.js';
import { OrganisationRefused } from '../failures.js';
import { noteTrouble } from './note-trouble.js';

/** Our credentials are refused for everybody: probe again after this long. */
const organisationProbeMs = 30_000;

/**
 * What of a trouble is a refusal of the feed's connection; null for anything else. Our own credentials refused for
 * everybody is nothing of this feed's: its reason says so, no customer is told, and all wait for the next probe.
 */
export async function explainTrouble(
  deps: ActivityDeps,
  feed: FeedRow,
  error: unknown,
): Promise<ConnectionRefusal | null> {
  try {
    return await readConnectionRefusal(deps, error);
  } catch (probed) {
    if (!(probed instanceof OrganisationRefused)) throw probed;
    return await probeLater(deps, feed, probed);
  }
}

/** Nothing is sent while our own credentials are refused: a feed that met that asks for them alone before it goes on. */
export async function waitForOrganisation(deps: ActivityDeps, feed: FeedRow): Promise<void> {
  if (feed.reason !== organisationRefusedReason) return;
  const probe = await deps.rutter.probeCredentials({ lane: 'deliver' });
  if (probe === 'refused') await probeLater(deps, feed, new OrganisationRefused(undefined));
}

async function probeLater(deps: ActivityDeps, feed: FeedRow, refused: OrganisationRefused): Promise<never> {
  await noteTrouble(deps, feed, refused);
  throw ApplicationFailure.create({
    type: failureTypes.peerUnavailable,
    message: refused.message,
    nextRetryDelay: organisationProbeMs,
  });
}
