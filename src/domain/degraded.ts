import type { Cause } from './availability.js';

/** What works less well than it should while a process is ready: named in /readyz, and known to the runbook. */
export const degradedParts = [
  'log',
  'search_attributes',
  'task_queue',
  'workflow_bundle',
  'database',
  'temporal',
  'rutter',
  'sage-banking',
] as const;
export type DegradedPart = (typeof degradedParts)[number];

export interface Degraded {
  readonly part: DegradedPart;
  /** Of a part that cannot be used: SQLSTATE, gRPC code, HTTP status, or one of ours. */
  readonly code?: string | undefined;
  /** One sentence for an operator. */
  readonly cause: string;
}

/** What a worker process says about itself. */
export interface WorkerProcessState {
  readonly version: string;
  readonly degraded: readonly Degraded[];
}

/** `503: HTTP 503`, as logs have the two. */
export function causeSentence({ code, text }: Cause): string {
  return text === '' ? code : `${code}: ${text}`;
}
