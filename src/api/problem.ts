/** One finding in a body or query: a JSON pointer and a sentence. */
export interface ProblemEntry {
  readonly pointer: string;
  readonly message: string;
}

export interface ProblemInput {
  readonly status: number;
  /** Stable, so programs can branch on it. */
  readonly code: string;
  /** A sentence for display. Never contains secrets or names. */
  readonly detail: string;
  readonly errors?: readonly ProblemEntry[];
  readonly headers?: Readonly<Record<string, string>>;
  /** Further members of the answer, such as `allowed_actions`. */
  readonly extra?: Readonly<Record<string, unknown>>;
}

/** An answer that is not a success, thrown anywhere below a route and written as `application/problem+json` (RFC 9457). */
export class Problem extends Error {
  override readonly name = 'Problem';
  constructor(readonly input: ProblemInput) {
    super(input.detail);
  }
}

/** Findings listed in one answer; a body can have more. */
const listedErrorsMax = 100;

/** The body of a problem answer. */
export function problemBody(input: ProblemInput & { readonly requestId: string }): Record<string, unknown> {
  return {
    type: `urn:bankfeeds:problem:${input.code}`,
    title: titles[input.status] ?? 'Error',
    status: input.status,
    code: input.code,
    detail: input.detail,
    ...(input.errors === undefined ? {} : { errors: input.errors.slice(0, listedErrorsMax) }),
    ...input.extra,
    request_id: input.requestId,
  };
}

const titles: Readonly<Record<number, string>> = {
  400: 'Bad request',
  401: 'Not authenticated',
  403: 'Not allowed',
  404: 'Not found',
  405: 'Method not allowed',
  408: 'Request timeout',
  409: 'Conflict',
  413: 'Too large',
  415: 'Unsupported media type',
  422: 'Cannot be processed',
  429: 'Too many requests',
  500: 'Internal error',
  501: 'Not configured',
  502: 'Provider error',
  503: 'Unavailable',
};

/** Seconds after which a caller should retry when a part of the service is unavailable. */
const retryAfterSeconds = '5';

/** A dependency of the service does not answer; the caller should retry. */
export function unavailable(input: {
  code: 'database_unavailable' | 'workflows_unavailable' | 'provider_unavailable' | 'interrupted';
  detail: string;
  extra?: Readonly<Record<string, unknown>>;
}): Problem {
  return new Problem({ ...input, status: 503, headers: { 'Retry-After': retryAfterSeconds } });
}

/** @param resource "customer", "account", "feed" */
export function notFound(resource: string): Problem {
  return new Problem({ status: 404, code: 'not_found', detail: `there is no such ${resource}` });
}

/** A well-formed body or query that breaks a rule. */
export function invalid(input: {
  status: 400 | 422;
  code: string;
  errors: readonly ProblemEntry[];
}): Problem {
  const first = input.errors[0];
  const detail =
    first === undefined
      ? 'the request breaks a rule'
      : `${first.pointer === '' ? '' : `${first.pointer}: `}${first.message}`;
  return new Problem({ ...input, detail });
}
