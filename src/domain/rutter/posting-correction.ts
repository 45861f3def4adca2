import { parsePosting, type TransactionType } from '../posting-input.js';

/**
 * What an operator changes in a posting that Rutter refused, for one feed. Null keeps core banking's own value. The rules
 * are those of ingestion, validated by the same code.
 */
export interface PostingCorrection {
  readonly amount: string | null;
  readonly description: string | null;
  readonly payee: string | null;
  readonly transactionType: TransactionType | null;
}

export const correctableFields = ['amount', 'description', 'payee', 'transaction_type'] as const;
export type CorrectableField = (typeof correctableFields)[number];

export const noCorrection: PostingCorrection = {
  amount: null,
  description: null,
  payee: null,
  transactionType: null,
};

export type CorrectionResult =
  | { readonly correction: PostingCorrection }
  /** `pointer` inside the correction: `/amount`. */
  | { readonly problem: { readonly pointer: string; readonly message: string } };

const validPosting = {
  transaction_id: 'x',
  posted_at: '2000-01-01T00:00:00Z',
  amount: '0',
  description: 'x',
  transaction_type: 'unknown',
};
const correctable: ReadonlySet<string> = new Set(correctableFields);
/** The other fields of a posting. */
const notCorrectable: Readonly<Record<string, string>> = {
  posted_at: 'cannot be corrected: the time of a posting is its place in the order',
  transaction_id: 'cannot be corrected: it is how a repeat is recognized',
  status: 'cannot be corrected: only posted transactions are sent',
  corrects: 'cannot be corrected: it is never sent',
};

/** Validates the corrected fields as if they came with a posting of the account. */
export function parseCorrection(input: {
  value: Readonly<Record<string, unknown>>;
  currency: string;
}): CorrectionResult {
  const { value, currency } = input;
  for (const name of Object.keys(value)) {
    if (Object.hasOwn(notCorrectable, name)) return problem(`/${name}`, notCorrectable[name] ?? '');
    if (correctable.has(name) && value[name] === null) {
      return problem(`/${name}`, 'must not be null: leave it out to keep the value');
    }
  }
  if (Object.keys(value).length === 0) return problem('', 'must correct at least one field, or be left out');
  const parsed = parsePosting({
    value: { ...validPosting, ...value },
    currency,
    nowMs: Date.UTC(2000, 0, 1),
  });
  if ('problem' in parsed) return problem(parsed.problem.pointer, parsed.problem.reason);
  const { posting } = parsed;
  return {
    correction: {
      amount: 'amount' in value ? posting.amount : null,
      description: 'description' in value ? posting.description : null,
      payee: 'payee' in value ? posting.payee : null,
      transactionType: 'transaction_type' in value ? posting.transactionType : null,
    },
  };
}

/** The names of the fields that a correction changes: the timeline lists these; the values are in its row. */
export function correctedFields(correction: PostingCorrection): CorrectableField[] {
  const values: Record<CorrectableField, string | null> = {
    amount: correction.amount,
    description: correction.description,
    payee: correction.payee,
    transaction_type: correction.transactionType,
  };
  return correctableFields.filter((name) => values[name] !== null);
}

function problem(pointer: string, message: string): CorrectionResult {
  return { problem: { pointer, message } };
}
