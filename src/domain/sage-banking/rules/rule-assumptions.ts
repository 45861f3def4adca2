/**
 * What this engine assumes although Sage does not document it (contract 8 and 9 mark each as assumed). The first test against the real service changes them here. `rule-fields.ts` marks its own.
 */

/** Contract 9.2: the parts of a narrative are joined by this, blank parts left out. */
export const narrativeSeparator = ' ';

/** Contract 9.2: a word is a run of letters and decimal digits; everything else separates words. Text is case-sensitive. */
export const wordPattern = /[\p{L}\p{Nd}]+/gu;

/** Contract 9.2: whether these are wildcards in criteria of the narrative is unknown, so they are refused. */
export const wildcardPattern = /[*?]/;

/** Contract 9.2: criteria of an amount: digits with a point, perhaps a minus in front. */
export const amountCriteriaPattern = /^-?\d+(?:\.\d+)?$/;

/** Contract 9.2: which `$baseType` an amount of zero has. */
export const baseTypeOfZero: 'credit' | 'debit' = 'credit';

/** Contract 8: the bounds of a rule, and of an account. */
export const ruleLimits = {
  conditionsMax: 20,
  actionsMax: 20,
  rulesMax: 300,
} as const;

/** Contract 9.5: the last action takes all that the earlier ones left. */
export const lastSplitPercentage = 100;
export const splitDecimalsMax = 4;
