import type { ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';
import { ASSUMED_CODE, ASSUMED_TYPE } from './assumptions.js';
import type { FaultSpec } from './faults.js';
import { errorBody, type Answer } from './http.js';
import type { Sandbox } from './sandbox.js';

/** Size of a `huge` body and of an unpacked `gzip_bomb` when the fault names none. */
const HUGE_BYTES_DEFAULT = 20 * 1024 * 1024;
const NO_ANSWER = 0;

/** Carries out the faults that come before the request is looked at: an answer, none at all, or go on. */
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

/** Sends the answer as the faults bend it. Returns the status that went out, 0 when none did. */
export async function transmit(
  sandbox: Sandbox,
  response: ServerResponse,
  answer: Answer | undefined,
  faults: readonly FaultSpec[],
): Promise<number> {
  const slow = faults.find((fault) => fault.kind === 'slow');
  if (slow !== undefined) await sandbox.clock.sleep(slow.delay_ms ?? 1_000);
  if (faults.some((fault) => fault.kind === 'hang_before_effect' || fault.kind === 'hang_after_effect')) {
    return NO_ANSWER;
  }
  const reset = faults.find(
    (fault) => fault.kind === 'reset_after_effect' || fault.kind === 'reset_before_effect',
  );
  if (
    answer === undefined ||
    (reset !== undefined && (reset.point ?? 'before_any_byte') === 'before_any_byte')
  ) {
    response.socket?.resetAndDestroy();
    return NO_ANSWER;
  }
  const bent = bend(answer, faults);
  if (reset === undefined) {
    response.writeHead(bent.status, { ...bent.headers, 'Content-Length': bent.bytes.length });
    response.end(bent.bytes);
    return bent.status;
  }
  response.writeHead(bent.status, { ...bent.headers, 'Content-Length': bent.bytes.length });
  response.flushHeaders();
  const cutAt = reset.point === 'half_body' ? Math.floor(bent.bytes.length / 2) : 0;
  // The part is handed to the kernel before the reset, or the client would never see it.
  if (cutAt > 0) await new Promise((resolve) => response.write(bent.bytes.subarray(0, cutAt), resolve));
  else await new Promise((resolve) => setImmediate(resolve));
  response.socket?.destroy();
  return NO_ANSWER;
}

interface Bent {
  status: number;
  headers: Record<string, string>;
  bytes: Buffer;
}

function bend(answer: Answer, faults: readonly FaultSpec[]): Bent {
  const bent: Bent = {
    status: answer.status,
    headers: { 'Content-Type': 'application/json; charset=utf-8', ...answer.headers },
    bytes: answer.body === undefined ? Buffer.alloc(0) : Buffer.from(JSON.stringify(answer.body)),
  };
  for (const fault of faults) {
    if (fault.kind === 'drop_job_header') delete bent.headers['X-Rutter-Job-ID'];
    if (fault.kind === 'malformed_body') malform(bent, fault);
    if (fault.kind === 'rewrite_body') {
      bent.bytes = Buffer.from(bent.bytes.toString('utf8').replaceAll(fault.find ?? '', fault.replace ?? ''));
    }
    if (fault.kind === 'server_error_after_effect' && fault.recorded !== true) {
      // A gateway's error: nothing in it tells that the request was accepted.
      const [status, body] = plainRefusal(fault);
      bent.status = fault.http_status ?? status;
      bent.headers = { 'Content-Type': 'application/json; charset=utf-8' };
      bent.bytes = Buffer.from(JSON.stringify(fault.body ?? body));
    }
  }
  return bent;
}

function malform(bent: Bent, fault: FaultSpec): void {
  const bytes = fault.bytes ?? HUGE_BYTES_DEFAULT;
  if (fault.http_status !== undefined) bent.status = fault.http_status;
  switch (fault.shape) {
    case 'truncated_json':
      bent.bytes = bent.bytes.subarray(0, Math.floor(bent.bytes.length / 2));
      return;
    case 'html':
      bent.headers['Content-Type'] = 'text/html; charset=utf-8';
      bent.bytes = Buffer.from('<!doctype html><title>Gateway</title><p>Please try again later.</p>');
      return;
    case 'empty':
      bent.bytes = Buffer.alloc(0);
      return;
    case 'wrong_content_type':
      bent.headers['Content-Type'] = 'text/plain; charset=utf-8';
      return;
    case 'huge':
      bent.bytes = Buffer.from(JSON.stringify({ padding: 'x'.repeat(bytes) }));
      return;
    case 'gzip_bomb':
      bent.headers['Content-Encoding'] = 'gzip';
      bent.bytes = gzipSync(Buffer.from(JSON.stringify({ padding: 'x'.repeat(bytes) })));
      return;
    case undefined:
      return;
    default:
      fault.shape satisfies never;
  }
}
