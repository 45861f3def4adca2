import {
  FaultBoard,
  type FaultMatch as CommonMatch,
  type FaultOrder,
  type FaultSubject,
} from '../stand-in/faults.js';

import { idForms, textForms, type IdForm, type TextForm } from './folding.js';

export { malformedShapes, resetPoints } from '../stand-in/faults.js';

/** Applied after authentication, before the request is checked. */
const requestKinds = [
  'rate_limited',
  'platform_bad_request',
  'platform_rate_limited',
  'server_error_before_effect',
  'reset_before_effect',
  'hang_before_effect',
  'redirect',
  'status',
] as const;
/** Applied when the request has been accepted: they decide how its job ends. */
const jobKinds = ['job_failure', 'job_never_ends', 'slow_job', 'omit_from_answer', 'poison', 'fold'] as const;
/** Applied to the finished answer: they decide what the client receives. */
const answerKinds = [
  'server_error_after_effect',
  'reset_after_effect',
  'hang_after_effect',
  'slow',
  'malformed_body',
  'rewrite_body',
  'escape_body',
  'drop_job_header',
] as const;

export const faultKinds = [...requestKinds, ...jobKinds, ...answerKinds] as const;
export type FaultKind = (typeof faultKinds)[number];
export type FaultStage = 'request' | 'job' | 'answer';

/**
 * The refused transaction that a `poison` message names: the first or last refused one by its id, the first by its
 * position in the request, or the last of the request, refused or not.
 */
export const poisonNamings = ['first', 'last', 'position', 'last_sent'] as const;

export interface FaultMatch extends CommonMatch {
  /** bank_feed_account_id of the body, or the id in the path. */
  account?: string;
  connection?: string;
}

/** The body of `POST /_sandbox/faults`. Which fields count depends on the kind: see the README. */
export interface FaultSpec extends FaultOrder {
  kind: FaultKind;
  match?: FaultMatch;
  /** Of 5xx faults: the job itself fails with it, so the same key replays it. Default false (a gateway's error). */
  recorded?: boolean;
  /** Of 450 and 452 on a POST: false refuses before acceptance. Default true: the job fails with it. */
  accepted?: boolean;
  run_ms?: number;
  /**
   * `poison`: a batch with one of these fails; `omit_from_answer`: these are omitted from the answer's list; `fold`:
   * only these are changed.
   */
  transaction_ids?: string[];
  /** `omit_from_answer` without ids: that many, from the end. */
  count?: number;
  /** `omit_from_answer`: the omitted ones were booked nevertheless. Default false. */
  booked?: boolean;
  /** `poison`: the message names the transaction. Default true. */
  named?: boolean;
  /** `poison`: which one it names, and how. Default `first`. */
  naming?: (typeof poisonNamings)[number];
  /** `fold`: how ids are changed before they are compared and stored. */
  ids?: IdForm[];
  /** `fold`: how description and payee are changed before they are stored. */
  texts?: TextForm[];
}

export interface RutterFaultSubject extends FaultSubject {
  /** A function, since a batch has a thousand and few faults need them. */
  transactionIds: () => ReadonlySet<string>;
}

export type RutterFaultBoard = FaultBoard<FaultSpec, FaultStage, RutterFaultSubject>;

export function rutterFaultBoard(): RutterFaultBoard {
  return new FaultBoard({
    kinds: faultKinds,
    stageOf,
    check: (spec) => {
      if (spec.kind === 'poison' && (spec.transaction_ids ?? []).length === 0) {
        throw new Error('poison needs transaction_ids');
      }
      checkForms('naming', spec.naming === undefined ? [] : [spec.naming], poisonNamings);
      checkForms('ids', spec.ids ?? [], idForms);
      checkForms('texts', spec.texts ?? [], textForms);
    },
    appliesTo: (spec, subject) => {
      if (spec.kind !== 'poison') return true;
      const sent = subject.transactionIds();
      return (spec.transaction_ids ?? []).some((id) => sent.has(id));
    },
    // These stay until they are removed.
    timesDefault: (spec) => (spec.kind === 'poison' || spec.kind === 'fold' ? 0 : 1),
  });
}

function checkForms(name: string, given: readonly string[], known: readonly string[]): void {
  if (!given.every((form) => known.includes(form))) {
    throw new Error(`${name} must be of ${known.join(', ')}`);
  }
}

function stageOf(spec: FaultSpec, method: string): FaultStage {
  const isPost = method === 'POST';
  switch (spec.kind) {
    case 'platform_bad_request':
    case 'platform_rate_limited':
      return isPost && spec.accepted !== false ? 'job' : 'request';
    case 'server_error_before_effect':
      return isPost && spec.recorded === true ? 'job' : 'request';
    case 'server_error_after_effect':
      return isPost && spec.recorded === true ? 'job' : 'answer';
    default:
      if ((jobKinds as readonly string[]).includes(spec.kind)) return 'job';
      return (requestKinds as readonly string[]).includes(spec.kind) ? 'request' : 'answer';
  }
}
