import { assumedCode, assumedType, idempotencyRetentionMs } from './assumptions.js';
import { ApiError, type ApiRequest } from './http.js';
import type { JobRecord } from './records.js';
import type { Sandbox } from './sandbox.js';
import { jobKey } from './work.js';

export function idempotencyKeyOf(request: ApiRequest): string | null {
  const header = request.headers['idempotency-key'];
  return typeof header === 'string' && header !== '' ? header : null;
}

/** Path and parameters without the access_token: the same key with another target is another request. */
export function fingerprintTarget(request: ApiRequest): string {
  const query = new URLSearchParams(request.query);
  query.delete('access_token');
  query.sort();
  const text = query.toString();
  return text === '' ? request.path : `${request.path}?${text}`;
}

/**
 * The job of the first accepted request under this key, whether it succeeded, failed or still runs; undefined when
 * the key is new, expired or absent.
 * @throws ApiError 409 when the key was accepted with another body, path or parameters.
 */
export function findAccepted(sandbox: Sandbox, request: ApiRequest): JobRecord | undefined {
  const key = idempotencyKeyOf(request);
  if (key === null) return undefined;
  const jobId = sandbox.state.jobIdByKey.get(jobKey(request.connection?.id ?? null, key));
  const job = jobId === undefined ? undefined : sandbox.state.jobs.get(jobId);
  if (job === undefined || sandbox.clock.nowMs() - job.acceptedAtMs > idempotencyRetentionMs)
    return undefined;
  const same =
    job.method === request.method &&
    job.target === fingerprintTarget(request) &&
    job.bodySha256 === request.bodySha256;
  if (same) return job;
  sandbox.violation(
    'idempotency_key_reused',
    `${request.method} ${request.path}: key ${key} was sent with another request`,
  );
  const text = 'this Idempotency-Key was used with a different request';
  throw new ApiError(409, assumedType.request, assumedCode.idempotencyConflict, text);
}
