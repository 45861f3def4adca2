import { randomUUID } from 'node:crypto';
import type { Request, Response } from 'express';
import { sha256Hex } from '../../crypto/hash.js';
import { seal } from '../../crypto/seal.js';
import { openHandoff } from '../../db/rutter/handoffs.js';
import { limits } from '../../domain/limits.js';
import { printRedirectTarget } from '../../domain/rutter/redirect-target.js';
import { PageProblem, seeOther } from '../page-problem.js';
import { readVisit, rememberVisit } from '../session.js';
import type { RutterPages } from './context.js';
import { stepPaths } from './paths.js';
import type { RefusedLinks } from './refused-links.js';
import { overPage } from './over.js';
import { readLoginQuery } from './redirect-target.js';

const fetchSites = ['none', 'same-origin', 'same-site', 'cross-site'];
const originLengthMax = 255;

/**
 * `GET /login?challenge=…&redirect_uri=…`: the browser arrives from Rutter (contract section 4, step 2). Writes one
 * row and nothing more, since link scanners open it too, ties the handoff to this browser, and redirects to an address
 * without the challenge, which keeps it out of the browser history, of `Referer` and of every page.
 */
export async function arrive(
  pages: RutterPages & { readonly refusedLinks: RefusedLinks },
  request: Request,
  response: Response,
): Promise<void> {
  const { t, pool, keyring, config } = pages;
  const query = readLoginQuery({
    rawQuery: rawQueryOf(request.originalUrl),
    allowedOrigins: config.RUTTER_REDIRECT_ORIGINS,
  });
  if (!query.ok) {
    pages.logger.info({ problem: query.problem }, 'login link refused');
    await pages.refusedLinks.record({
      source: request.ip ?? '',
      handoffId: `refused-link-${randomUUID()}`,
      problem: query.problem,
      fetchSite: fetchSiteOf(request),
      refererOrigin: refererOriginOf(request),
    });
    throw new PageProblem(400, t.link(query.problem));
  }
  const handoffId = sha256Hex(query.target.challenge);
  const { handoff, created } = await openHandoff(pool, {
    handoffId,
    lifetimeMs: limits.handoffLifetimeMs,
    redirectSealed: seal(keyring, printRedirectTarget(query.target), { table: 'handoffs', row: handoffId }),
    fetchSite: fetchSiteOf(request),
    refererOrigin: refererOriginOf(request),
  });
  pages.logger.info({ handoffId, created, state: handoff.state }, 'handoff opened');
  const over = overPage(t, handoff);
  if (over !== null) throw over;
  if (readVisit(request, handoffId) === undefined) {
    // Once a customer has signed in, no second browser may use the link.
    if (handoff.state !== 'opened') throw new PageProblem(409, t.over.elsewhere);
    await rememberVisit(request, { handoffId, remainingMs: handoff.remainingMs });
  }
  seeOther(response, stepPaths.signIn(handoffId));
}

function rawQueryOf(originalUrl: string): string {
  const start = originalUrl.indexOf('?');
  return start < 0 ? '' : originalUrl.slice(start + 1);
}

/** How the browser arrived, recorded for complaints; only values of the standard. */
function fetchSiteOf(request: Request): string | null {
  const site = request.get('sec-fetch-site');
  return site !== undefined && fetchSites.includes(site) ? site : null;
}

function refererOriginOf(request: Request): string | null {
  const referer = request.get('referer');
  if (referer === undefined || !URL.canParse(referer)) return null;
  const { origin } = new URL(referer);
  return origin.length > originLengthMax ? null : origin;
}
