import { connectionOf } from './accounts.js';
import { otpLifetimeMs } from './assumptions.js';
import { invalidInput, isObject, newId, type ApiRequest } from './http.js';
import type { Plan } from './jobs.js';
import type { Route } from './route.js';
import type { Sandbox } from './sandbox.js';

export const otpRoutes: readonly Route[] = [
  { method: 'POST', path: '/accounting/bank_feeds/otp', auth: 'connection', plan: planOtp, needsKey: true },
];

/** Makes a one-time password; each one cancels every earlier one of the connection. */
function planOtp(sandbox: Sandbox, request: ApiRequest): Plan {
  if (request.json !== undefined && !isObject(request.json))
    throw invalidInput('the body must be a JSON object');
  const connection = connectionOf(request);
  const nowMs = sandbox.clock.nowMs();
  const isLive = [...sandbox.state.otps.values()].some(
    (otp) =>
      otp.connectionId === connection.id &&
      otp.spentAtMs === null &&
      otp.supersededAtMs === null &&
      otp.expiresAtMs > nowMs,
  );
  if (isLive)
    sandbox.note('otp_repeated', `connection ${connection.id}: an unused OTP was cancelled by a new one`);
  return {
    work: {
      kind: 'create_otp',
      otp: {
        otp: newId(),
        connectionId: connection.id,
        expiresAtMs: nowMs + otpLifetimeMs,
        createdAtMs: nowMs,
        spentAtMs: null,
        spentWith: null,
        supersededAtMs: null,
      },
      redirectUri: sandbox.knobs.nullRedirectUri ? null : `${sandbox.origin}/sage_redirect`,
    },
    runMs: 0,
    responseMode: 'prefer_sync',
  };
}
