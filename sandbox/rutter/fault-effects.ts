import { JSON_TYPE, type Bent } from '../stand-in/transmit.js';
import { ASSUMED_CODE, ASSUMED_TYPE } from './assumptions.js';
import type { FaultSpec } from './faults.js';
import { errorBody, type Answer } from './http.js';
import type { Sandbox } from './sandbox.js';

/** Carries out the faults that come before the request is checked: an answer, none at all, or go on. */
export async function applyRequestFaults(
  sandbox: Sandbox,
  faults: readonly FaultSpec[],
): Promise<Answer | undefined | 'proceed'> {
  for (const fault of faults) {
    switch (fault.kind) {
      case 'hang_before_effect':
      case 'reset_before_effect':
        return undefined;
      case 'redirect':
        return {
          status: fault.http_status ?? 302,
          headers: { Location: fault.location ?? `${sandbox.origin}/` },
        };
      case 'status':
        return {
          status: fault.http_status ?? 500,
          headers: fault.headers ?? {},
          ...('body' in fault ? { body: fault.body } : {}),
        };
      default: {
        const [status, body] = plainRefusal(fault);
        const headers: Record<string, string> = { ...fault.headers };
        if (fault.retry_after !== undefined) headers['Retry-After'] = fault.retry_after;
        return { status: fault.http_status ?? status, headers, body: fault.body ?? body };
      }
    }
  }
  return Promise.resolve('proceed');
}

function plainRefusal(fault: FaultSpec): [number, Record<string, string>] {
  const { rateLimit, platform, internal } = ASSUMED_TYPE;
  switch (fault.kind) {
    case 'rate_limited':
      return [429, errorBody(rateLimit, ASSUMED_CODE.rateLimited, 'more than 500 requests in 10 seconds')];
    case 'platform_bad_request':
      return [450, errorBody(platform, ASSUMED_CODE.platformBadRequest, 'the platform refused the request')];
    case 'platform_rate_limited':
      return [452, errorBody(platform, ASSUMED_CODE.platformRateLimited, 'the platform is rate limiting')];
    default:
      return [500, errorBody(internal, ASSUMED_CODE.internal, 'something went wrong')];
  }
}

/** What only Rutter's faults do to an answer that stands. */
export function bendRutterAnswer(bent: Bent, fault: FaultSpec): void {
  if (fault.kind === 'drop_job_header') delete bent.headers['X-Rutter-Job-ID'];
  if (fault.kind !== 'server_error_after_effect' || fault.recorded === true) return;
  // A gateway's error: nothing in it tells that the request was accepted.
  const [status, body] = plainRefusal(fault);
  bent.status = fault.http_status ?? status;
  bent.headers = { 'Content-Type': JSON_TYPE };
  bent.bytes = Buffer.from(JSON.stringify(fault.body ?? body));
}
