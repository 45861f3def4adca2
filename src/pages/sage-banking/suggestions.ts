import { z } from 'zod';
import type { SageVisit } from './context.js';
import { printAmount } from '../amount-text.js';

/** The members of a suggestion that are shown. Sage does not specify their values, and any may be missing. */
const suggestionSchema = z.object({
  rules: z.array(z.unknown()).nullish(),
  actions: z.object({
    showToUser: z.boolean().nullish(),
    accountsPostings: z
      .array(
        z.object({
          createdBy: z.string().nullish(),
          grossAmount: z.number().nullish(),
          accountantNarrative: z.string().nullish(),
          postingInstructions: z
            .array(z.object({ type: z.string().nullish(), code: z.string().nullish() }))
            .nullish(),
        }),
      )
      .nullish(),
  }),
});
type Suggestion = z.output<typeof suggestionSchema>;

/**
 * The suggestion for a transaction, one sentence per part: `−42.00 GBP: NOMINAL 7200, Energy, by rule Energy`. A suggestion
 * that cannot be read is left out as a whole, since a part of it would mislead.
 */
export function suggestionLines(
  { pages: { t } }: SageVisit,
  predictedActions: readonly unknown[],
  currency: string | null,
): string[] {
  return predictedActions.flatMap((item) => {
    const parsed = suggestionSchema.safeParse(item);
    if (!parsed.success || parsed.data.actions.showToUser === false) return [];
    const { data } = parsed;
    return (data.actions.accountsPostings ?? []).map((part) => {
      const what = postingsOf(part).concat(part.accountantNarrative ?? []);
      const amount = part.grossAmount == null ? [] : [printAmount(t, part.grossAmount, currency)];
      return [...amount, [...what, sourceOf(data, part)].join(', ')].join(': ');
    });
  });

  function sourceOf({ rules }: Suggestion, part: { createdBy?: string | null | undefined }): string {
    const { byRule, bySage } = t.sage.account;
    return (rules ?? []).length > 0 && part.createdBy != null ? byRule(part.createdBy) : bySage;
  }
}

function postingsOf(part: {
  postingInstructions?:
    | readonly { type?: string | null | undefined; code?: string | null | undefined }[]
    | null
    | undefined;
}): string[] {
  return (part.postingInstructions ?? []).map(({ type, code }) =>
    [type, code].filter((part) => part != null && part !== '').join(' '),
  );
}
