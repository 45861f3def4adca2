import { deliveryLimits } from './delivery-limits.js';

/*
 * How the bad postings of a refused batch are found: the batch is sent again in parts, from its head, so that the order
 * of delivery is kept. The plan counts postings from the head and does not name them. A refused part of more than one is
 * always followed by a smaller part of its head, and every part counts, so a plan ends.
 *
 * A posting that is refused alone is only suspected while no other posting of its batch has been accepted: the cause may
 * be another than the postings. Then single postings are tried: the next ones in order, and after those ones from places
 * further on, which is the only time that a posting overtakes others (they are late from then on).
 */

export interface BisectionPlan {
  /** Postings of the refused batch. */
  readonly size: number;
  /** Those that are still to be decided. */
  readonly left: number;
  /** Size of the innermost block, at the head, that is known to hold a bad one; 0 when none is. */
  readonly bad: number;
  /** A transaction id of ours that the refusal's message names. */
  readonly hint: string | null;
  /** Another posting of the refused batch was accepted since. */
  readonly accepted: boolean;
  /** Requests so far, that of the refused batch included; repeats of the same bytes do not count. */
  readonly requests: number;
  /** Postings refused alone. */
  readonly refusedAlone: number;
  /** How many of them lie, one after another, directly before the head; 0 once a part was accepted. */
  readonly refusedRun: number;
  /** Size of the last part, if it was accepted: the next may be twice as large. */
  readonly acceptedPart: number;
  /** Names that did not lead to the bad posting. */
  readonly misleadingHints: number;
  /** The last name led to it. */
  readonly hintsHold: boolean;
  /** Arrivals after this sequence (decimal text) are not of the refused batch and wait for its end; null: unknown. */
  readonly sequenceMax: string | null;
}

/** A part of what is left: `size` postings after the first `offset` in the order of delivery. */
export interface BatchPart {
  readonly offset: number;
  readonly size: number;
}

/**
 * What follows from the answer to a part. `stop`: the batch is given up and its undecided postings are ready again,
 * because nothing of it was accepted (the postings are not the cause), or because a limit is reached.
 */
export type PlanStep =
  | { readonly kind: 'continue'; readonly plan: BisectionPlan }
  | { readonly kind: 'done' }
  | { readonly kind: 'stop'; readonly why: StopReason };
export type StopReason = 'nothing_accepted' | 'requests_exhausted' | 'quarantined_exhausted';

/** Single postings that are tried in order, before those further on, when none has been accepted. */
const placesInOrder = 3;
/** The share of bad ones at which a block holds one or none with the same chance: size × density = ln 2. */
const evenChance = Math.LN2;
/** Names are not followed any more after so many misleading ones. */
const misleadingHintsMax = 3;
/** A batch of up to this many is sent one by one before the requests run out, so that any number of bad ones is found. */
const onePerRequestMax = 64;

/** The plan for a batch of more than one that was refused. */
export function planAfterFirstRefusal(refused: {
  readonly size: number;
  readonly hint: string | null;
  readonly sequenceMax: string | null;
  readonly tooLarge: boolean;
}): BisectionPlan {
  const { size, tooLarge } = refused;
  return {
    size,
    left: size,
    ...blockOf(refused),
    hint: tooLarge ? null : refused.hint,
    accepted: false,
    requests: 1,
    refusedAlone: 0,
    refusedRun: 0,
    misleadingHints: 0,
    hintsHold: false,
    sequenceMax: refused.sequenceMax,
  };
}

/** A request that is too large says nothing about its postings: parts of half its size are tried. */
function blockOf({ size, tooLarge }: { size: number; tooLarge: boolean }): {
  bad: number;
  acceptedPart: number;
} {
  return tooLarge ? { bad: 0, acceptedPart: Math.floor(size / 4) } : { bad: size, acceptedPart: 0 };
}

/**
 * The next part, of postings given in the order of delivery: those before the one that was named, or that one alone;
 * else half of the block that holds a bad one; else as many as are likely to hold none, by those decided so far.
 */
export function nextPart(plan: BisectionPlan, transactionIds: readonly string[]): BatchPart {
  const left = Math.min(plan.left, transactionIds.length);
  if (plan.bad === 0 && !plan.accepted && plan.refusedAlone > 0) {
    return { offset: Math.min(placeOf(plan.refusedAlone, left), Math.max(left - 1, 0)), size: 1 };
  }
  return { offset: 0, size: Math.max(1, Math.min(headSize(plan, left, transactionIds), left)) };
}

/** The places are spread evenly over what is left, in order, and the last one is its end. */
function placeOf(tried: number, left: number): number {
  if (tried < placesInOrder) return 0;
  const share = (tried + 1 - placesInOrder) / (deliveryLimits.bisectionPlacesMax - placesInOrder);
  return Math.round((left - 1) * share);
}

function headSize(plan: BisectionPlan, left: number, transactionIds: readonly string[]): number {
  const { bad, refusedRun, refusedAlone, acceptedPart } = plan;
  // What is left, one by one, just fits into the requests.
  const requestsLeft = deliveryLimits.bisectionRequestsMax - plan.requests;
  if (plan.size <= onePerRequestMax && left === requestsLeft) return 1;
  const named = plan.hint === null ? -1 : transactionIds.indexOf(plan.hint);
  if (named === 0) return 1;
  if (named > 0 && named < bad) return named;
  // Bad ones are often neighbors.
  if (bad > 0) return refusedRun > 0 ? 1 : Math.ceil(bad / 2);
  if (refusedRun > 1) return 1;
  if (refusedAlone === 0) return acceptedPart === 0 ? left : 2 * acceptedPart;
  if (refusedAlone === 1 || plan.hintsHold) return left;
  const decided = plan.size - plan.left;
  return Math.max(Math.floor((evenChance * decided) / refusedAlone), 2 * acceptedPart);
}

/**
 * After a part of more than one was refused. After a hint that led to another refusal the block is halved: with a
 * provider that names the wrong posting each time, hints would lead through all of them one by one.
 */
export function planAfterRefusal(
  plan: BisectionPlan,
  refused: { readonly size: number; readonly hint: string | null; readonly tooLarge: boolean },
): PlanStep {
  const requests = plan.requests + 1;
  if (requests >= deliveryLimits.bisectionRequestsMax) return { kind: 'stop', why: 'requests_exhausted' };
  const misled = plan.hint !== null;
  const misleadingHints = plan.misleadingHints + (misled ? 1 : 0);
  const follows = !misled && !refused.tooLarge && misleadingHints < misleadingHintsMax;
  return {
    kind: 'continue',
    plan: {
      ...plan,
      left: Math.max(plan.left, refused.size),
      ...blockOf(refused),
      hint: follows ? refused.hint : null,
      requests,
      misleadingHints,
    },
  };
}

/**
 * After a posting was refused alone: it is quarantined, or suspected while none was accepted, so its block is no longer
 * known to hold a bad one.
 */
export function planAfterRefusedAlone(
  plan: BisectionPlan,
  refused: { readonly transactionId: string },
): PlanStep {
  const { bisectionPlacesMax, bisectionQuarantinedMax, bisectionRequestsMax } = deliveryLimits;
  const refusedAlone = plan.refusedAlone + 1;
  const requests = plan.requests + 1;
  const left = plan.left - 1;
  if (!plan.accepted && (left <= 0 || refusedAlone >= bisectionPlacesMax)) {
    return { kind: 'stop', why: 'nothing_accepted' };
  }
  if (refusedAlone > bisectionQuarantinedMax) return { kind: 'stop', why: 'quarantined_exhausted' };
  if (left <= 0) return { kind: 'done' };
  if (requests >= bisectionRequestsMax) return { kind: 'stop', why: 'requests_exhausted' };
  const next = {
    ...plan,
    left,
    bad: 0,
    hint: null,
    requests,
    refusedAlone,
    refusedRun: plan.refusedRun + 1,
    acceptedPart: 0,
    hintsHold: plan.hint === null ? plan.hintsHold : plan.hint === refused.transactionId,
  };
  return { kind: 'continue', plan: next };
}

/** Whether a posting that was refused alone is quarantined now: the refused batch is known to hold a good one. */
export function isQuarantined(plan: BisectionPlan, step: PlanStep): boolean {
  return plan.accepted && !(step.kind === 'stop' && step.why === 'quarantined_exhausted');
}

/** Why a batch was given up, for operators; null when the provider message says all. */
export function stopText(why: StopReason): string | null {
  const { bisectionRequestsMax, bisectionQuarantinedMax } = deliveryLimits;
  switch (why) {
    case 'nothing_accepted':
      return null;
    case 'requests_exhausted':
      return `the refused postings of the batch were not all found with ${String(bisectionRequestsMax)} requests`;
    case 'quarantined_exhausted':
      return `more than ${String(bisectionQuarantinedMax)} postings of the batch were refused`;
  }
}

/** After a part was accepted, with the ids of its postings. */
export function planAfterAccepted(
  plan: BisectionPlan,
  accepted: { readonly transactionIds: readonly string[] },
): PlanStep {
  const size = accepted.transactionIds.length;
  const left = plan.left - size;
  const requests = plan.requests + 1;
  if (left <= 0) return { kind: 'done' };
  if (requests >= deliveryLimits.bisectionRequestsMax) return { kind: 'stop', why: 'requests_exhausted' };
  const misled = plan.hint !== null && accepted.transactionIds.includes(plan.hint);
  const next = {
    ...plan,
    left,
    bad: Math.max(plan.bad - size, 0),
    hint: misled ? null : plan.hint,
    accepted: true,
    requests,
    refusedRun: 0,
    acceptedPart: size,
    misleadingHints: plan.misleadingHints + (misled ? 1 : 0),
    hintsHold: plan.hintsHold && !misled,
  };
  return { kind: 'continue', plan: next };
}

const wordCharacter = /[\p{L}\p{N}_-]/u;
/** `transactions[12]`, `transactions.12` and `/transactions/12`: the position in the request, counted from 0. */
const namedPosition = /\btransactions(?:\[|[./])(\d{1,4})(?=\]|[./\s:,;]|$)/;

/**
 * The posting that a provider message names: the id that occurs in it as a whole word (the longest of several, since a
 * short one may occur by chance), else the one at the position that it names.
 */
export function namedTransaction(text: string | null, transactionIds: readonly string[]): string | null {
  if (text === null) return null;
  let named: string | null = null;
  for (const id of transactionIds) {
    if (id.length > (named?.length ?? 0) && isWholeWord(text, id)) named = id;
  }
  const position = namedPosition.exec(text)?.[1];
  return named ?? (position === undefined ? null : (transactionIds[Number(position)] ?? null));
}

function isWholeWord(text: string, id: string): boolean {
  for (let at = text.indexOf(id); at >= 0; at = text.indexOf(id, at + 1)) {
    const before = text[at - 1] ?? ' ';
    const after = text[at + id.length] ?? ' ';
    if (!wordCharacter.test(before) && !wordCharacter.test(after)) return true;
  }
  return false;
}
