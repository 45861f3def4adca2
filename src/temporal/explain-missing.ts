import { isGrpcServiceError } from '@temporalio/client';
import { SearchAttributeTypeMismatch } from './search-attributes.js';

/** NOT_FOUND of gRPC. */
const notFoundCode = 5;

/** Why Temporal cannot be used yet, and what to do, in one sentence; null when waiting does not help. */
export function explainTemporalMissing(error: unknown, namespace: string): string | null {
  if (error instanceof SearchAttributeTypeMismatch) return null;
  if (isGrpcServiceError(error) && (error.code as number) === notFoundCode) {
    return `the namespace "${namespace}" does not exist: create it, or correct TEMPORAL_NAMESPACE`;
  }
  const text = error instanceof Error ? error.message : String(error);
  return `${text.split('\n')[0] ?? ''}: start Temporal, or correct TEMPORAL_ADDRESS`;
}
