import { cancellationSignal, log } from '@temporalio/activity';
import pLimit from 'p-limit';
import type { RutterOtp } from '../../../clients/rutter/schemas.js';
import { open, seal } from '../../../crypto/seal.js';
import { openAccessToken, withConnectionTurn } from '../../../db/connections.js';
import {
  readOtpTurn,
  renewHandoffKey,
  storeHandoffAnswer,
  type OtpTurn,
} from '../../../db/rutter/handoff-progress.js';
import { readHandoff } from '../../../db/rutter/handoffs.js';
import type { Queryable } from '../../../db/pool.js';
import type { HandoffReason, HandoffState } from '../../../domain/rutter/handoff.js';
import {
  validateRedirectTarget,
  printRedirectTarget,
  type RedirectTarget,
} from '../../../domain/rutter/redirect-target.js';
import type { RutterDeps } from '../deps.js';
import { explainRefusal, isSpentKey } from '../explain-refusal.js';
import { Obsolete } from '../../failures.js';
import { workOnHandoff } from './work-on-handoff.js';

/*
 * The last step of a handoff: requests the one-time password (contract 7) and stores the browser's redirect, sealed.
 * Each new password cancels the one before, so there is one turn per connection at a time, only the handoff that
 * holds the connection's claim takes it, and its key was stored before the call. A repeat is safe: once the answer is
 * stored no second request is sent; before that the same key gives the same password, and no browser has it yet.
 * Nothing is sent after `handoffOtpLatestMs`, by the database's clock, however long the limiter made it wait.
 * Failures: ProviderUnavailable, RateLimited, DatabaseUnavailable (retried); ConnectionRefused, CredentialsRejected,
 * Refused, Obsolete.
 */

export interface CreateOtpInput {
  readonly handoffId: string;
}

export type CreateOtpResult =
  | { readonly outcome: 'ready' }
  | { readonly outcome: 'too_late' }
  | { readonly outcome: 'refused'; readonly reason: HandoffReason }
  | { readonly outcome: 'over'; readonly state: HandoffState };

/** A turn holds a database connection while it waits and requests; the rest of the pool is left to other work. */
const turnsAtOnceMax = 6;

export function rutterCreateOtp(deps: RutterDeps) {
  const limitTurns = pLimit(turnsAtOnceMax);
  return async (input: CreateOtpInput): Promise<CreateOtpResult> => {
    const handoff = await readHandoff(deps.pool, input);
    const connectionId = handoff?.connectionId;
    if (connectionId == null) throw new Obsolete('the handoff has no connection');
    const step = () =>
      limitTurns(() => withConnectionTurn(deps.pool, { connectionId }, (db) => takeTurn(deps, db, input)));
    try {
      return await workOnHandoff(deps, input, step);
    } catch (error) {
      throw await explainRefusal(deps, { connectionId, error });
    }
  };
}

async function takeTurn(
  deps: RutterDeps,
  db: Queryable,
  { handoffId }: CreateOtpInput,
): Promise<CreateOtpResult> {
  const turn = await readOtpTurn(db, { handoffId, otpLatestMs: deps.settings.handoffOtpLatestMs });
  if (turn === null) throw new Obsolete('the handoff does not exist');
  if (turn.state === 'ready' || turn.state === 'taken') return { outcome: 'ready' };
  if (turn.state !== 'sharing') return { outcome: 'over', state: turn.state };
  if (!turn.current) return { outcome: 'over', state: 'superseded' };
  if (turn.isUnlinking) return { outcome: 'refused', reason: 'connection_unavailable' };
  const validated = readTarget(deps, { handoffId, turn });
  if (validated === null) return { outcome: 'refused', reason: 'redirect_refused' };
  const answer = await requestOtp(deps, db, { handoffId, turn });
  if (answer === null) return { outcome: 'too_late' };
  const address = printRedirectTarget(chooseTarget(deps, { validated, answer }), answer.otp);
  const answerSealed = seal(deps.keyring, address, { table: 'handoffs', row: handoffId });
  const stored = await storeHandoffAnswer(db, { handoffId, answerSealed });
  if (stored !== null) {
    if (stored.later > 0) await publishTheRest(deps, turn);
    return { outcome: 'ready' };
  }
  const now = await readHandoff(db, { handoffId });
  const isEnded = now?.state === 'superseded' || now?.state === 'refused';
  return isEnded ? { outcome: 'over', state: now.state } : { outcome: 'too_late' };
}

/** The connection's workflow publishes what is left. When this call is lost, the repair job makes it again. */
async function publishTheRest(deps: RutterDeps, { connectionId }: OtpTurn): Promise<void> {
  await deps.workflows.wakeConnection({ connectionId }).catch((error: unknown) => {
    log.warn('the connection was not woken to publish the rest of its accounts', { error: String(error) });
  });
}

/** Null when it is too late, or became too late while waiting for the limiter. */
async function requestOtp(
  deps: RutterDeps,
  db: Queryable,
  { handoffId, turn }: { handoffId: string; turn: OtpTurn },
): Promise<RutterOtp | null> {
  if (turn.remainingMs <= 0) return null;
  const latest = AbortSignal.timeout(turn.remainingMs);
  try {
    return await deps.rutter.createOtp({
      accessToken: openAccessToken(deps.keyring, turn),
      idempotencyKey: turn.otpKey,
      priority: 'interactive',
      signal: AbortSignal.any([latest, cancellationSignal()]),
    });
  } catch (error) {
    if (latest.aborted) return null;
    if (isSpentKey(error)) await renewHandoffKey(db, { handoffId, spentKey: turn.otpKey, which: 'otp_key' });
    throw error;
  }
}

/**
 * The redirect as it was validated at the first arrival, validated once more: the configuration may have changed since.
 */
function readTarget(
  deps: RutterDeps,
  { handoffId, turn }: { handoffId: string; turn: OtpTurn },
): RedirectTarget | null {
  const redirectUri = open(deps.keyring, turn.redirectSealed, { table: 'handoffs', row: handoffId });
  const challenge = redirectUri.slice(redirectUri.indexOf('?challenge=') + '?challenge='.length);
  const allowedOrigins = deps.settings.redirectOrigins;
  const verdict = validateRedirectTarget({ redirectUri, challenge, allowedOrigins });
  return verdict.ok ? verdict.target : null;
}

/**
 * Rutter's own redirect when its answer has one that passes the same check (contract 4 step 6); else the validated one.
 */
function chooseTarget(
  deps: RutterDeps,
  { validated, answer }: { validated: RedirectTarget; answer: RutterOtp },
): RedirectTarget {
  if (answer.redirectUri === null) return validated;
  const verdict = validateRedirectTarget({
    redirectUri: answer.redirectUri,
    challenge: validated.challenge,
    allowedOrigins: deps.settings.redirectOrigins,
    challengeMayBeAbsent: true,
  });
  return verdict.ok ? verdict.target : validated;
}
