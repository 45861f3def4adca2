/** Failed certificate checks: TLS ends before the request is written. */
const certificateCodes: ReadonlySet<string> = new Set([
  'CERT_HAS_EXPIRED',
  'CERT_NOT_YET_VALID',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'ERR_TLS_CERT_ALTNAME_INVALID',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);
/** `fetch`'s own limit on connecting. */
const connectTimeoutCode = 'UND_ERR_CONNECT_TIMEOUT';
/** System calls that come before the first byte is sent. */
const systemCallsBeforeSending: ReadonlySet<string> = new Set(['connect', 'getaddrinfo']);

/**
 * The system's code when `fetch` failed before a byte of the request can have left; undefined when it may have. A reset
 * has the same codes before and after sending, so the system call decides, and without proof it counts as sent.
 */
export function unsentCode(error: unknown): string | undefined {
  return codeBeforeSending(error instanceof Error ? error.cause : undefined);
}

function codeBeforeSending(cause: unknown): string | undefined {
  if (!(cause instanceof Error)) return undefined;
  const { code, syscall } = cause as NodeJS.ErrnoException;
  // One error per address tried: all of them must have failed while connecting.
  if (cause instanceof AggregateError) {
    const codes = cause.errors.map(codeBeforeSending);
    return codes.length > 0 && codes.every((each) => each !== undefined) ? codes[0] : undefined;
  }
  if (code === undefined) return undefined;
  if (code === connectTimeoutCode || certificateCodes.has(code)) return code;
  return syscall !== undefined && systemCallsBeforeSending.has(syscall) ? code : undefined;
}
