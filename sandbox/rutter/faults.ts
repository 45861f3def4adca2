/** Before the request is looked at, right after it was authenticated. */
const REQUEST_KINDS = [
  'rate_limited',
  'platform_bad_request',
  'platform_rate_limited',
  'server_error_before_effect',
  'reset_before_effect',
  'hang_before_effect',
  'redirect',
  'status',
] as const;
/** When the request has been accepted: they decide how its job ends. */
const JOB_KINDS = ['job_failure', 'job_never_ends', 'slow_job', 'omit_from_answer', 'poison'] as const;
/** When the answer stands: they decide what the client sees of it. */
const ANSWER_KINDS = [
  'server_error_after_effect',
  'reset_after_effect',
  'hang_after_effect',
  'slow',
  'malformed_body',
  'rewrite_body',
  'drop_job_header',
] as const;

export const FAULT_KINDS = [...REQUEST_KINDS, ...JOB_KINDS, ...ANSWER_KINDS] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];
export type FaultStage = 'request' | 'job' | 'answer';

export const RESET_POINTS = ['before_any_byte', 'after_headers', 'half_body'] as const;
export const MALFORMED_SHAPES = [
  'truncated_json',
  'html',
  'empty',
  'wrong_content_type',
  'huge',
  'gzip_bomb',
] as const;

export interface FaultMatch {
  method?: string;
  /** Regular expression over the path below `/versioned`, without parameters. */
  path?: string;
  /** bank_feed_account_id of the body, or the id in the path. */
  account?: string;
  connection?: string;
  /** Fires from the n-th matching request on; default 1. */
  nth?: number;
}

/** The body of `POST /_sandbox/faults`. Which fields count depends on the kind: see the README. */
export interface FaultSpec {
  kind: FaultKind;
  match?: FaultMatch;
  /** How often it fires; default 1, 0 = until removed (the default of `poison`). */
  times?: number;
  retry_after?: string;
  /** Of 5xx faults: the job itself fails with it, so the same key replays it. Default false (a gateway's error). */
  recorded?: boolean;
  /** Of 450 and 452 on a POST: false refuses before acceptance. Default true: the job fails with it. */
  accepted?: boolean;
  /** `reset_after_effect` */
  point?: (typeof RESET_POINTS)[number];
  delay_ms?: number;
  run_ms?: number;
  http_status?: number;
  body?: unknown;
  headers?: Record<string, string>;
  location?: string;
  /** `poison`: a batch with one of these fails; `omit_from_answer`: these are missing from the answer's list. */
  transaction_ids?: string[];
  /** `omit_from_answer` without ids: that many, from the end. */
  count?: number;
  /** `omit_from_answer`: the missing ones were booked all the same. Default false. */
  booked?: boolean;
  /** `poison`: the message names the transaction. Default true. */
  named?: boolean;
  /** `malformed_body` */
  shape?: (typeof MALFORMED_SHAPES)[number];
  bytes?: number;
  /** `rewrite_body`: every `find` in the answer's text becomes `replace`. */
  find?: string;
  replace?: string;
}

export interface FaultSubject {
  method: string;
  path: string;
  accountId: string | null;
  connectionId: string | null;
  /** Read only when a fault asks: a batch has a thousand. */
  transactionIds: () => ReadonlySet<string>;
}

export interface Fault {
  id: number;
  spec: FaultSpec;
  fired: number;
  seen: number;
}

/** The faults that tests have ordered, in the order they were ordered. Memory only. */
export class FaultBoard {
  #faults: Fault[] = [];
  #nextId = 1;

  /** @throws Error with a sentence when the spec is wrong. */
  add(spec: FaultSpec): Fault {
    checkSpec(spec);
    const fault: Fault = { id: this.#nextId++, spec, fired: 0, seen: 0 };
    this.#faults.push(fault);
    return fault;
  }

  list(): Fault[] {
    return this.#faults;
  }

  clear(id?: number): void {
    this.#faults = id === undefined ? [] : this.#faults.filter((fault) => fault.id !== id);
  }

  /** The faults that fire on this request at this stage, each counted as fired. */
  take(stage: FaultStage, subject: FaultSubject): FaultSpec[] {
    const firing = this.#faults.filter((fault) => {
      if (stageOf(fault.spec, subject.method) !== stage || !matches(fault.spec, subject)) return false;
      fault.seen += 1;
      if (fault.seen < (fault.spec.match?.nth ?? 1)) return false;
      const timesMax = fault.spec.times ?? (fault.spec.kind === 'poison' ? 0 : 1);
      if (timesMax !== 0 && fault.fired >= timesMax) return false;
      fault.fired += 1;
      return true;
    });
    return firing.map((fault) => fault.spec);
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
      if ((JOB_KINDS as readonly string[]).includes(spec.kind)) return 'job';
      return (REQUEST_KINDS as readonly string[]).includes(spec.kind) ? 'request' : 'answer';
  }
}

function matches(spec: FaultSpec, subject: FaultSubject): boolean {
  const match = spec.match ?? {};
  if (match.method !== undefined && match.method !== subject.method) return false;
  if (match.path !== undefined && !new RegExp(match.path).test(subject.path)) return false;
  if (match.account !== undefined && match.account !== subject.accountId) return false;
  if (match.connection !== undefined && match.connection !== subject.connectionId) return false;
  if (spec.kind !== 'poison') return true;
  const sent = subject.transactionIds();
  return (spec.transaction_ids ?? []).some((id) => sent.has(id));
}

function checkSpec(spec: FaultSpec): void {
  if (!FAULT_KINDS.includes(spec.kind)) throw new Error(`kind must be one of ${FAULT_KINDS.join(', ')}`);
  if (spec.match?.path !== undefined) new RegExp(spec.match.path);
  if (spec.kind === 'poison' && (spec.transaction_ids ?? []).length === 0) {
    throw new Error('poison needs transaction_ids');
  }
  if (spec.point !== undefined && !RESET_POINTS.includes(spec.point)) {
    throw new Error(`point must be one of ${RESET_POINTS.join(', ')}`);
  }
  if (
    spec.kind === 'malformed_body' &&
    (spec.shape === undefined || !MALFORMED_SHAPES.includes(spec.shape))
  ) {
    throw new Error(`malformed_body needs a shape: ${MALFORMED_SHAPES.join(', ')}`);
  }
  for (const name of ['http_status', 'delay_ms', 'run_ms', 'count', 'bytes', 'times'] as const) {
    const value = spec[name];
    if (value !== undefined && !(Number.isInteger(value) && value >= 0)) {
      throw new Error(`${name} must be a whole number of 0 or more`);
    }
  }
}
