import type { Request } from 'express';
import type { HandoffRow } from '../../db/rutter/handoffs.js';
import { readHandoff } from '../../db/rutter/handoffs.js';
import { PageProblem } from '../page-problem.js';
import type { Visit } from '../session.js';
import { readVisit } from '../session.js';
import type { RutterPages } from './context.js';
import { overPage, requireNotOver } from './over.js';

const handoffIdPattern = /^[0-9a-f]{64}$/;

/** Whether a part of an address has the form of a handoff's id. */
export function isHandoffId(value: unknown): value is string {
  return typeof value === 'string' && handoffIdPattern.test(value);
}

export interface OpenVisit {
  readonly handoff: HandoffRow;
  readonly visit: Visit;
}

export type SignedInVisit = OpenVisit & { readonly customerId: string };

/**
 * The open handoff in the URL, if this browser opened it by Rutter's link.
 *
 * @throws {PageProblem} 404 for an unknown address, 403 for another browser, 409 or 410 when it is over
 */
export async function requireVisit(pages: RutterPages, request: Request): Promise<OpenVisit> {
  const { handoffId } = request.params;
  if (!isHandoffId(handoffId)) {
    throw new PageProblem(404, pages.t.problems.notFound);
  }
  const visit = readVisit(request, handoffId);
  if (visit === undefined) {
    // Without `secure` the cookie was never set: there is a proxy that is not in TRUSTED_PROXIES.
    pages.logger.info({ handoffId, secure: request.secure }, 'handoff page without a visit');
    throw new PageProblem(403, pages.t.visit.noVisit);
  }
  const handoff = await readHandoff(pages.pool, { handoffId });
  if (handoff === null) throw new PageProblem(403, pages.t.visit.noVisit);
  // Names of accounts are only for the customer who signed in to this handoff.
  const isOwn = visit.customerId !== undefined && visit.customerId === handoff.customerId;
  const over = overPage(pages.t, handoff);
  if (over !== null && !isOwn) throw over;
  await requireNotOver(pages, handoff);
  return { handoff, visit };
}

/** The same for the steps after signing in; null when this browser has not signed in for it yet. */
export async function requireSignedIn(pages: RutterPages, request: Request): Promise<SignedInVisit | null> {
  const open = await requireVisit(pages, request);
  const { customerId } = open.visit;
  if (customerId === undefined) return null;
  if (open.handoff.customerId !== customerId) throw new PageProblem(409, pages.t.over.elsewhere);
  return { ...open, customerId };
}
