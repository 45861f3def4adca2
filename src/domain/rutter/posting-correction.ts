import { parsePosting } from '../posting-input.js';
import type { AccountType, SignCheck, TransactionType } from '../transaction-type.js';

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
  description: 'x',
};
const correctable: ReadonlySet<string> = new Set(correctableFields);
/** The other fields of a posting. */
const notCorrectable: Readonly<Record<string, string>> = {
  posted_at: 'cannot be corrected: the time of a posting is its place in the order',
  transaction_id: 'cannot be corrected: it is how a repeat is recognized',
  booking_date: 'cannot be corrected: the booking day of a posting is its place in the order',
  status: 'cannot be corrected: only posted transactions are sent',
  corrects: 'cannot be corrected: it is never sent',
};

/** What a correction is validated against. */
export interface CorrectionInput {
  readonly value: Readonly<Record<string, unknown>>;
  readonly currency: string;
  readonly accountType: AccountType;
  readonly signCheck: SignCheck;
  /** What core banking sent: a corrected sign must fit the type that stays, and the reverse. */
  readonly stored: { readonly amount: string; readonly transactionType: string };
}

/** Validates the corrected fields as if they came with a posting of the account. */
export function parseCorrection(input: CorrectionInput): CorrectionResult {
  const { value, stored } = input;
  for (const name of Object.keys(value)) {
    if (Object.hasOwn(notCorrectable, name)) return problem(`/${name}`, notCorrectable[name] ?? '');
    if (correctable.has(name) && value[name] === null) {
      return problem(`/${name}`, 'must not be null: leave it out to keep the value');
    }
  }
  if (Object.keys(value).length === 0) return problem('', 'must correct at least one field, or be left out');
  const parsed = parsePosting({
    ...input,
    value: { ...validPosting, amount: stored.amount, transaction_type: stored.transactionType, ...value },
    timeZone: null,
    nowMs: Date.UTC(2000, 0, 1),
  });
  if ('problem' in parsed) {
    const [first] = parsed.problem.errors;
    return problem(first?.pointer ?? '', first?.reason ?? 'is not valid');
  }
  const { posting, contradiction } = parsed;
  const changesSign = 'amount' in value || 'transaction_type' in value;
  if (contradiction !== null && changesSign && input.signCheck === 'reject') {
    return problem('amount' in value ? '/amount' : '/transaction_type', contradiction);
  }
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
