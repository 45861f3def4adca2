import { challengeLifetimeMs } from './assumptions.js';
import type { OtpRecord } from './records.js';
import type { Sandbox } from './sandbox.js';

/** What `/sage_redirect` does with a browser: an onward address, or a page that explains. */
export type RedirectOutcome = { kind: 'onward'; location: string } | { kind: 'refused'; reason: string };

/**
 * The end of a login: links the challenge's Sage company to the OTP's connection if both are valid, and marks both as
 * used. If one is not valid, nothing changes.
 */
export function completeLogin(sandbox: Sandbox, query: URLSearchParams): RedirectOutcome {
  const challenges = query.getAll('challenge');
  const otps = query.getAll('otp');
  if (challenges.length !== 1 || otps.length !== 1)
    return refused('challenge and otp must be given once each');
  const challenge = sandbox.state.challenges.get(challenges[0] ?? '');
  const otp = sandbox.state.otps.get(otps[0] ?? '');
  const nowMs = sandbox.clock.nowMs();
  if (challenge === undefined) return refused('the challenge is not known');
  if (otp === undefined) return refused('the one-time password is not known');
  if (otp.spentAtMs !== null) {
    recordReuse(sandbox, otp, challenge.challenge);
    return refused('the one-time password has been used');
  }
  if (challenge.spentAtMs !== null) return refused('the challenge has been used');
  if (nowMs - challenge.createdAtMs > challengeLifetimeMs) return refused('the challenge has expired');
  if (otp.supersededAtMs !== null) {
    sandbox.note('superseded_otp_arrived', `connection ${otp.connectionId}`);
    return refused('the one-time password was replaced by a newer one');
  }
  if (nowMs > otp.expiresAtMs) return refused('the one-time password has expired');
  sandbox.commit({ type: 'login_linked', challenge: challenge.challenge, otp: otp.otp, atMs: nowMs });
  const landing = new URL(sandbox.options.sageLandingUrl ?? `${sandbox.origin}/sage_landing`);
  landing.searchParams.set('connection_id', otp.connectionId);
  return { kind: 'onward', location: landing.href };
}

/** A reloaded page repeats the same pair; a used OTP with another challenge is the client's error. */
function recordReuse(sandbox: Sandbox, otp: OtpRecord, challenge: string): void {
  const detail = `connection ${otp.connectionId}`;
  if (otp.spentWith === challenge) sandbox.note('redirect_repeated', detail);
  else sandbox.violation('otp_reuse', detail);
}

function refused(reason: string): RedirectOutcome {
  return { kind: 'refused', reason };
}

/** A plain page. `reason` is a fixed sentence: no text of the request is shown. */
export function redirectPage(heading: string, reason: string): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${heading}</title></head>
<body><main><h1>${heading}</h1><p>${reason}</p><p>Go back to Sage and choose your bank again.</p></main></body></html>
`;
}
