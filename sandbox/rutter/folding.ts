import type { SentTransaction } from './records.js';

/** How a `fold` fault changes ids before they are compared and stored. */
export const idForms = ['trim', 'lower_case', 'upper_case', 'nfc', 'nfkc'] as const;
/** How a `fold` fault changes description and payee before they are stored. */
export const textForms = ['trim', 'blanks', 'line_ends', 'nfc', 'nfkc', 'upper_case', 'first_32'] as const;
export type IdForm = (typeof idForms)[number];
export type TextForm = (typeof textForms)[number];

const foldedTextCharacters = 32;

/** The fields of a fault that folding reads. */
export interface FoldOrder {
  readonly kind: string;
  readonly ids?: readonly IdForm[];
  readonly texts?: readonly TextForm[];
  readonly transaction_ids?: readonly string[];
}

function folded(text: string, form: IdForm | TextForm): string {
  switch (form) {
    case 'trim':
      return text.trim();
    case 'blanks':
      return text.replace(/[ \t]+/g, ' ').trim();
    case 'line_ends':
      return text.replace(/\r\n?/g, '\n');
    case 'lower_case':
      return text.toLowerCase();
    case 'upper_case':
      return text.toUpperCase();
    case 'nfc':
      return text.normalize('NFC');
    case 'nfkc':
      return text.normalize('NFKC');
    case 'first_32':
      return text.slice(0, foldedTextCharacters);
    default:
      return form satisfies never;
  }
}

function foldedAll(text: string, forms: readonly (IdForm | TextForm)[]): string {
  return forms.reduce(folded, text);
}

/** The transactions as the provider stores them: `fold` faults change ids and texts, of all or of some. */
export function foldTransactions(
  sent: readonly SentTransaction[],
  faults: readonly FoldOrder[],
): SentTransaction[] {
  let stored = [...sent];
  for (const { kind, ids = [], texts = [], transaction_ids: only } of faults) {
    if (kind !== 'fold') continue;
    stored = stored.map((transaction) => {
      if (only !== undefined && !only.includes(transaction.transaction_id)) return transaction;
      const { description, payee } = transaction;
      return {
        ...transaction,
        transaction_id: foldedAll(transaction.transaction_id, ids),
        description: foldedAll(description, texts),
        payee: payee === null ? null : foldedAll(payee, texts),
      };
    });
  }
  return stored;
}
