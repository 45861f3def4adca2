import type { Cause } from '../domain/availability.js';

/** gRPC's codes by number. */
const codeNames = [
  'OK',
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
] as const;

/** An error without a gRPC code, such as one of TLS. */
const otherCode = 'other';
const textMaxChars = 300;
/** The client wraps what gRPC threw, and we wrap that. */
const wrappersMax = 5;

/** Whether an error is an answer of Temporal, or says that there was none, rather than a fault of ours. */
export function isTemporalError(error: unknown): boolean {
  return readTemporalCause(error).code !== otherCode;
}

/** Why Temporal did not take a call: the gRPC code and its text, which holds neither payloads nor keys. */
export function readTemporalCause(error: unknown): Cause {
  let inner = error;
  for (let depth = 0; depth < wrappersMax && inner instanceof Error; depth += 1) {
    const { code, details } = inner as { code?: unknown; details?: unknown };
    if (typeof code === 'number') {
      const text = typeof details === 'string' && details !== '' ? details : inner.message;
      return { code: codeNames[code] ?? otherCode, text: text.slice(0, textMaxChars) };
    }
    if (inner.cause === undefined) break;
    inner = inner.cause;
  }
  return { code: otherCode, text: inner instanceof Error ? inner.message.slice(0, textMaxChars) : 'unknown' };
}
