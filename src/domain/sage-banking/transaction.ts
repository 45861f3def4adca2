import { isNestedDeeper } from '../nesting.js';
import { readCorrection, type SageCorrection } from './correction.js';

/*
 * Sage's transaction objects (contract 7.2). The id is the cursor and must have its documented type; any other member may one
 * day have another type than Sage documents. Such a transaction is stored like every other one, so that it does not block
 * later ones; a member that cannot be read is recorded by name and counts as missing.
 */

/** What is stored of one transaction; documented objects have some thousand characters and five levels. */
export const sageTransactionLimits = {
  /** Levels of lists and objects of a member: JSON is written by recursion, here and in PostgreSQL. */
  nestingMax: 50,
  /** Characters of an object's JSON text: pages and lists hold up to 200 objects in memory. */
  charactersMax: 256 * 1024,
  /** Names of members that are kept with a transaction, and their length. */
  namesMax: 50,
  nameCharactersMax: 100,
} as const;

/** In the list of unrecognized members: the whole object, which was too large to be read at all. */
export const wholeObjectName = '*';

const isText = (value: unknown): boolean => value == null || typeof value === 'string';

/** The members that have a meaning for the service beside the id. */
const kinds: Readonly<Record<string, (value: unknown) => boolean>> = {
  transactionAmount: (value) => typeof value === 'number' && Number.isFinite(value),
  transactionNarrative: isText,
  datePosted: isText,
  currency: isText,
  predictedActions: (value) => readPredictions(value) !== null,
};

type Members = Readonly<Record<string, unknown>>;

/** A transaction as it is stored. */
export interface ReadSageTransaction {
  /** Sage's object without the members that are too deep or too large to be kept. */
  readonly body: Members;
  /** Members that do not have their documented type, or are not kept, by name; usually none. */
  readonly unrecognized: readonly string[];
  /** What the transaction corrects; null for nothing. */
  readonly correction: SageCorrection | null;
}

/** Decides what of a transaction is kept, and which of its members count as missing. Pure; the object is not changed. */
export function readSageTransaction(transaction: Members): ReadSageTransaction {
  const left = new Set(
    Object.keys(transaction).filter((name) =>
      isNestedDeeper(transaction[name], sageTransactionLimits.nestingMax),
    ),
  );
  for (const name of largestMembers(without(transaction, left))) left.add(name);
  const body = left.size === 0 ? transaction : without(transaction, left);
  const read = readCorrection(body);
  const wrong = Object.entries(kinds).flatMap(([name, hasType]) => (hasType(body[name]) ? [] : [name]));
  const wrongCorrection = 'unrecognized' in read ? read.unrecognized : [];
  const names = [...new Set([...wrong, ...wrongCorrection, ...left])].slice(
    0,
    sageTransactionLimits.namesMax,
  );
  return {
    body,
    unrecognized: names.map((name) => name.slice(0, sageTransactionLimits.nameCharactersMax)),
    correction: 'correction' in read ? read.correction : null,
  };
}

function without(transaction: Members, names: ReadonlySet<string>): Members {
  return Object.fromEntries(Object.entries(transaction).filter(([name]) => !names.has(name)));
}

/** The fewest members, largest first, without which the object is not too large; never the id. */
function largestMembers(transaction: Members): string[] {
  let characters = JSON.stringify(transaction).length;
  if (characters <= sageTransactionLimits.charactersMax) return [];
  const sizes = Object.entries(transaction)
    .filter(([name]) => name !== 'transactionId')
    .map(([name, value]) => ({ name, size: JSON.stringify({ [name]: value }).length }))
    .sort((left, right) => right.size - left.size);
  const largest: string[] = [];
  for (const { name, size } of sizes) {
    if (characters <= sageTransactionLimits.charactersMax) break;
    largest.push(name);
    characters -= size - 1;
  }
  return largest;
}

/** A transaction's suggestions (contract 9.6), none where Sage left them out; null when they cannot be read. */
export function readPredictions(predictedActions: unknown): readonly unknown[] | null {
  if (predictedActions == null) return [];
  if (!Array.isArray(predictedActions)) return null;
  const { nestingMax, charactersMax } = sageTransactionLimits;
  if (isNestedDeeper(predictedActions, nestingMax)) return null;
  if (JSON.stringify(predictedActions).length > charactersMax) return null;
  return predictedActions.every((item) => typeof item === 'object' && item !== null)
    ? (predictedActions as readonly unknown[])
    : null;
}
