import { FaultBoard, type FaultMatch, type FaultOrder } from '../stand-in/faults.js';
import { jsonType, type OutgoingAnswer } from '../stand-in/transmit.js';
import { errorBody, type Answer } from './http.js';

/** Before the request is checked, right after it was authenticated. */
const requestKinds = [
  'rate_limited',
  'unauthorised',
  'server_error_before_effect',
  'reset_before_effect',
  'hang_before_effect',
  'redirect',
  'status',
] as const;
/** Applied when a reprocess run has been accepted: they decide how it ends. */
const runKinds = ['reprocess_fails', 'reprocess_never_ends', 'slow_reprocess'] as const;
/** Applied to the finished answer: they decide what the client receives. */
const answerKinds = [
  'server_error_after_effect',
  'reset_after_effect',
  'hang_after_effect',
  'slow',
  'malformed_body',
  'rewrite_body',
] as const;

export const faultKinds = [...requestKinds, ...runKinds, ...answerKinds] as const;
export type FaultKind = (typeof faultKinds)[number];
export type FaultStage = 'request' | 'run' | 'answer';

/** The body of `POST /_sandbox/faults`. Which fields count depends on the kind: see the README. */
export interface FaultSpec extends FaultOrder {
  kind: FaultKind;
  match?: FaultMatch & { account?: string; company?: string };
  /** `slow_reprocess` */
  run_ms?: number;
}

export type SageFaultBoard = FaultBoard<FaultSpec, FaultStage>;

export function sageFaultBoard(): SageFaultBoard {
  return new FaultBoard({
    kinds: faultKinds,
    stageOf: ({ kind }) => {
      if ((runKinds as readonly string[]).includes(kind)) return 'run';
      return (requestKinds as readonly string[]).includes(kind) ? 'request' : 'answer';
    },
  });
}

/** The answer of a fault that precedes the request's checks; undefined: no answer. */
export function refusalOf(fault: FaultSpec, origin: string): Answer | undefined {
  switch (fault.kind) {
    case 'hang_before_effect':
    case 'reset_before_effect':
      return undefined;
    case 'redirect':
      return { status: fault.http_status ?? 302, headers: { Location: fault.location ?? `${origin}/` } };
    case 'status':
      return {
        status: fault.http_status ?? 500,
        headers: fault.headers ?? {},
        ...('body' in fault ? { body: fault.body } : {}),
      };
    default:
      return plainRefusal(fault);
  }
}

/** Applies the kinds of faults that only this sandbox has to a finished answer. */
export function applySageFault(outgoing: OutgoingAnswer, fault: FaultSpec): void {
  if (fault.kind !== 'server_error_after_effect') return;
  const { status, body } = plainRefusal(fault);
  outgoing.status = status;
  outgoing.headers = { 'Content-Type': jsonType };
  outgoing.bytes = Buffer.from(JSON.stringify(body));
}

function plainRefusal(fault: FaultSpec): Answer {
  const headers: Record<string, string> = { ...fault.headers };
  if (fault.kind === 'rate_limited') headers['Retry-After'] = fault.retry_after ?? '1';
  else if (fault.retry_after !== undefined) headers['Retry-After'] = fault.retry_after;
  const [status, body] = refusalBody(fault.kind);
  return { status: fault.http_status ?? status, headers, body: fault.body ?? body };
}

function refusalBody(kind: FaultKind): [number, unknown] {
  switch (kind) {
    case 'rate_limited':
      return [429, errorBody('tooManyRequests', 'too many requests')];
    case 'unauthorised':
      return [401, errorBody('unauthorised', 'the token is not valid')];
    default:
      return [500, errorBody('internal', 'something went wrong')];
  }
}
