import { isGrpcServiceError } from '@temporalio/client';
import { SearchAttributeTypeMismatch } from './search-attributes.js';

/** NOT_FOUND of gRPC. */
const notFoundCode = 5;

/** Why Temporal cannot be used yet, and what to do, in one sentence; null when waiting does not help. */
export function explainTemporalMissing(error: unknown, namespace: string): string | null {
  if (error instanceof SearchAttributeTypeMismatch) return null;
  const call = error instanceof Error && isGrpcServiceError(error.cause) ? error.cause : error;
  if (isGrpcServiceError(call) && (call.code as number) === notFoundCode) {
    return `the namespace "${namespace}" does not exist: create it, or correct TEMPORAL_NAMESPACE`;
  }
  return `${textOf(error)}: start Temporal, or correct TEMPORAL_ADDRESS`;
}

/** The first line of the deepest cause: the errors around it say which call failed. */
function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? textOf(error.cause) : (error.message.split('\n')[0] ?? '');
}
