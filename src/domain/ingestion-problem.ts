/**
 * What can be wrong with an item that core banking sends: it is no valid posting; its id is stored with other content; or
 * its sign contradicts its type and it was accepted nevertheless (`SIGN_CHECK=warn`).
 */
export const ingestionProblemKinds = ['rejected', 'conflicting', 'contradicting'] as const;
export type IngestionProblemKind = (typeof ingestionProblemKinds)[number];

/** Limits of the sample of rejected items that operators can read. */
export const rejectedSample = {
  /** Kept for an account: the newest ones. */
  itemsPerAccountMax: 100,
  /** Taken from one chunk of a call: a fault of the sender repeats itself in every item. */
  itemsPerChunkMax: 20,
  /** Taken from one chunk with the same wrong fields, so that other faults have room beside a frequent one. */
  itemsPerFaultMax: 3,
  /** Of an item as it was sent, in UTF-16 units; the longest valid posting has fewer. */
  itemLengthMax: 16 * 1024,
  keptDays: 30,
} as const;
