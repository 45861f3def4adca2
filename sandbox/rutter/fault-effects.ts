import { jsonType, type OutgoingAnswer } from '../stand-in/transmit.js';
import { assumedCode, assumedType } from './assumptions.js';
import type { FaultSpec } from './faults.js';
import { errorBody, type Answer } from './http.js';
import type { Sandbox } from './sandbox.js';

/** Applies the faults that precede the request's checks. Returns an answer, undefined for none, or 'proceed'. */
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
      case 'rate_limited':
      case 'platform_bad_request':
      case 'platform_rate_limited':
      case 'server_error_before_effect': {
        const [status, body] = plainRefusal(fault);
        const headers: Record<string, string> = { ...fault.headers };
        if (fault.retry_after !== undefined) headers['Retry-After'] = fault.retry_after;
        return { status: fault.http_status ?? status, headers, body: fault.body ?? body };
      }
      default:
        throw new Error(`the fault ${fault.kind} has no effect before the request is checked`);
    }
  }
  return Promise.resolve('proceed');
}

function plainRefusal(fault: FaultSpec): [number, Record<string, string>] {
  const { rateLimit, platform, internal } = assumedType;
  switch (fault.kind) {
    case 'rate_limited':
      return [429, errorBody(rateLimit, assumedCode.rateLimited, 'more than 500 requests in 10 seconds')];
    case 'platform_bad_request':
      return [450, errorBody(platform, assumedCode.platformBadRequest, 'the platform refused the request')];
    case 'platform_rate_limited':
      return [452, errorBody(platform, assumedCode.platformRateLimited, 'the platform is rate limiting')];
    default:
      return [500, errorBody(internal, assumedCode.internal, 'something went wrong')];
  }
}

/** Applies the kinds of faults that only Rutter has to a finished answer. */
export function applyRutterFault(outgoing: OutgoingAnswer, fault: FaultSpec): void {
  if (fault.kind === 'drop_job_header') delete outgoing.headers['X-Rutter-Job-ID'];
  if (fault.kind === 'escape_body')
    outgoing.bytes = Buffer.from(escapedText(outgoing.bytes.toString('utf8')));
  if (fault.kind !== 'server_error_after_effect' || fault.recorded === true) return;
  // A gateway's error: it does not show that the request was accepted.
  const [status, body] = plainRefusal(fault);
  outgoing.status = fault.http_status ?? status;
  outgoing.headers = { 'Content-Type': jsonType };
  outgoing.bytes = Buffer.from(JSON.stringify(fault.body ?? body));
}

/** The same JSON with every character of its texts as `\uXXXX`, as some libraries write it. */
function escapedText(json: string): string {
  return json.replace(/"((?:[^"\\]|\\.)*)"/g, (text) => {
    const plain = JSON.parse(text) as string;
    const escaped = Array.from(
      { length: plain.length },
      (_, at) => `\\u${plain.charCodeAt(at).toString(16).padStart(4, '0')}`,
    );
    return `"${escaped.join('')}"`;
  });
}
