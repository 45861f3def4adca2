/*
 * Sage's transaction objects (contract 7.2). The id is the cursor and must have its documented type; any other member may one
 * day have another type than Sage documents. Such a transaction is stored like every other one, so that it does not block
 * later ones; a member that cannot be read is recorded by name and counts as missing.
 */

const isText = (value: unknown): boolean => value == null || typeof value === 'string';

/** The members that have a meaning for the service beside the id. */
const kinds: Readonly<Record<string, (value: unknown) => boolean>> = {
  transactionAmount: (value) => typeof value === 'number' && Number.isFinite(value),
  transactionNarrative: isText,
  datePosted: isText,
  currency: isText,
  predictedActions: (value) => readPredictions(value) !== null,
};

/** The members that do not have their documented type, by name; usually none. */
export function unrecognizedMembersOf(transaction: Readonly<Record<string, unknown>>): string[] {
  return Object.entries(kinds).flatMap(([name, hasType]) => (hasType(transaction[name]) ? [] : [name]));
}

/** A transaction's suggestions (contract 9.6), none where Sage left them out; null when they cannot be read. */
export function readPredictions(predictedActions: unknown): readonly unknown[] | null {
  if (predictedActions == null) return [];
  if (!Array.isArray(predictedActions)) return null;
  return predictedActions.every((item) => typeof item === 'object' && item !== null)
    ? (predictedActions as readonly unknown[])
    : null;
}
