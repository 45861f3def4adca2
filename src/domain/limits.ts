/** Limits of the service that more than one file must agree on. A limit that one file uses is defined in that file. */

const secondMs = 1_000;
const minuteMs = 60 * secondMs;
export const hourMs = 60 * minuteMs;
export const dayMs = 24 * hourMs;

export const limits = {
  /** Postings in one JSON call of the machine API; more is 413. */
  ingestJsonPostingsMax: 10_000,
  /** Lines of an NDJSON stream committed together. */
  ingestChunkPostings: 1_000,
  /** Entries in the `conflicts` and `rejected` lists of an ingest answer; totals are always exact. */
  ingestListMax: 1_000,
  /** Our ids and Rutter's (its bound for ids is an assumption, the same 255). In UTF-16 units, as all lengths. */
  idLengthMax: 255,
  /** Text of a posting; Rutter's bound is an assumption, the same 1,000. */
  textLengthMax: 1_000,
  nameLengthMax: 255,
  /** A posting may lie this far in the future (time zones, value dates). */
  postedAtFutureMaxMs: dayMs,
  /** Browser's first arrival to the handoff's end: Rutter's challenge lives 10 minutes and started earlier. */
  handoffLifetimeMs: 9 * minuteMs + 30 * secondMs,
  /** A workflow run is renewed after this age whatever its history, so that old code drains. */
  runAgeMaxMs: 30 * dayMs,
  /** A task of the repair job begins no further page after this; the next execution continues from there. */
  repairTaskMaxMs: 40 * secondMs,
} as const;
