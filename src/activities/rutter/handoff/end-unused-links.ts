import { log } from '@temporalio/activity';
import { endUnusedHandoffs } from '../../../db/rutter/handoff-ends.js';
import { readFailure } from '../../failures.js';
import type { RutterDeps } from '../deps.js';

/** Ends links to which nobody signed in, so that they are counted and listed with their reason. Never throws. */
export async function endUnusedLinks({ pool }: Pick<RutterDeps, 'pool'>): Promise<void> {
  try {
    await endUnusedHandoffs(pool);
  } catch (error) {
    log.warn('unused links were not ended', { failureType: readFailure(error).type });
  }
}
