/*
 * Corrections (contract 7.2): a correction is a transaction of its own that points at the one it corrects. Documented are the
 * members `correctionId` and `correctionAction` with the value REPLACE.
 */

/** Assumed: there is DELETE, too, which removes the original and is no transaction itself. */
export const correctionActions = ['replace', 'delete'] as const;
export type CorrectionAction = (typeof correctionActions)[number];

export interface SageCorrection {
  readonly action: CorrectionAction;
  /**
   * Assumed: the `serverTransactionId` of the corrected transaction of the same account; where none has it, its
   * `transactionId` as text.
   */
  readonly corrects: string;
}

/** What a transaction corrects, null for nothing; or the members that cannot be read. Such a transaction corrects nothing. */
export function readCorrection(
  transaction: Readonly<Record<string, unknown>>,
): { readonly correction: SageCorrection | null } | { readonly unrecognized: readonly string[] } {
  const { correctionId: id, correctionAction: name } = transaction;
  const isEmpty = (value: unknown) => value == null || value === '';
  if (isEmpty(id) && isEmpty(name)) return { correction: null };
  const action = correctionActions.find((known) => typeof name === 'string' && known === name.toLowerCase());
  const isId = (typeof id === 'string' && id !== '') || typeof id === 'number';
  if (action !== undefined && isId) return { correction: { action, corrects: String(id) } };
  return {
    unrecognized: [...(isId ? [] : ['correctionId']), ...(action === undefined ? ['correctionAction'] : [])],
  };
}
