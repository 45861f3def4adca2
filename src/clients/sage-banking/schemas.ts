import { z } from 'zod';

/**
 * What Sage's Banking Service answers, as far as the service reads it (docs/contracts/sage-banking.md). Transactions,
 * which customers get as they are, keep every member.
 */

/** Contract 4. */
export const sageBankSchema = z.object({
  bankId: z.string().min(1),
  name: z.string(),
  primaryCountry: z.string().nullish(),
  dataProvider: z.enum(['indirect', 'direct']),
  authorisationMechanism: z.looseObject({ type: z.string() }).nullish(),
  accountTypes: z.array(z.string()).nullish(),
  status: z.string().nullish(),
  offBoardingMechanism: z.looseObject({ type: z.string(), instructions: z.string().nullish() }).nullish(),
});
export type SageBank = z.output<typeof sageBankSchema>;

/** Contract 5.2: the account in the answer of a successful link. */
export const sageLinkedAccountSchema = z.object({
  accountName: z.string(),
  accountKey: z.string().nullish(),
  accountIdentifier: z.string(),
  bankIdentifier: z.string().nullish(),
  bankAccountExternalId: z.string().nullish(),
});
export type SageLinkedAccount = z.output<typeof sageLinkedAccountSchema>;

/** Of the digits that a decimal text may have: a double has 17. */
const balanceDigitsMax = 40;
const decimalPattern = /^-?\d+(?:\.\d+)?$/;

/**
 * Assumed (contract 6.2): a balance is a number; decimal text is read, too. Decimal text, or null: a balance that cannot be
 * read is no reason to read nothing of the account.
 */
const balanceSchema = z
  .union([z.number().transform(String), z.string().regex(decimalPattern).max(balanceDigitsMax)])
  .nullish()
  .catch(null);
const balanceDateSchema = z.string().max(balanceDigitsMax).nullish().catch(null);

/** Contract 6.2. An unknown status makes the whole answer unexpected. */
export const sageBankAccountSchema = z.object({
  bankAccountId: z.string().min(1),
  bankId: z.string(),
  status: z.enum(['pending', 'active', 'authRequired', 'cancelled']),
  statusReason: z.string().nullish(),
  accountName: z.string().nullish(),
  accountIdentifier: z.string().nullish(),
  bankIdentifier: z.string().nullish(),
  defaultCurrency: z.string().nullish(),
  requestedStartDate: z.string().nullish(),
  lastTransactionId: z.number().int().nullish(),
  ledgerBalance: balanceSchema,
  ledgerBalanceDate: balanceDateSchema,
  availableBalance: balanceSchema,
  availableBalanceDate: balanceDateSchema,
  dataProvider: z.string().nullish(),
  authorisationData: z.looseObject({}).nullish(),
});
export type SageBankAccount = z.output<typeof sageBankAccountSchema>;

/** Contract 6.6. Documented is `connected` alone; what else there is may tell people which account it is. */
export const sageCandidateSchema = z.object({
  bankAccountCandidateId: z.string().min(1),
  metadata: z.looseObject({ connected: z.boolean().nullish() }).nullish(),
});
export type SageCandidate = z.output<typeof sageCandidateSchema>;

/**
 * Contract 7.2. Ids are whole numbers of 1 or more; everything else is kept as it came, and read with
 * `src/domain/sage-banking/transaction.ts`: one malformed transaction must not stop those after it.
 */
const transactionIdSchema = z.looseObject({ transactionId: z.number().int().min(1) });
export type SageTransaction = z.output<typeof transactionIdSchema>;
/** The object itself, not a copy: zod leaves out a member called `__proto__`. */
export const sageTransactionSchema: z.ZodType<SageTransaction> = z.unknown().transform((value, context) => {
  const { error } = transactionIdSchema.safeParse(value);
  if (error === undefined) return value as SageTransaction;
  context.issues.push(...error.issues.map((issue) => ({ ...issue, input: value }) as z.core.$ZodRawIssue));
  return z.NEVER;
});

const ruleConditionSchema = z.object({
  ruleField: z.string(),
  ruleOperation: z.string(),
  ruleCriteria: z.string(),
});
const rulePostingSchema = z.object({ type: z.string(), code: z.string() });
const ruleActionSchema = z.object({
  splitPercentage: z.number(),
  accountantNarrative: z.string().nullish(),
  accountsPostings: z.array(rulePostingSchema),
});
const ruleAdditionalFieldSchema = z.object({ name: z.string(), value: z.string() });

/** Contract 8, as it is sent. */
export const sageRuleInputSchema = z.object({
  ruleName: z.string(),
  ruleConditions: z.array(ruleConditionSchema),
  ruleActions: z.array(ruleActionSchema),
  ruleAdditionalFields: z.array(ruleAdditionalFieldSchema).nullish(),
  ruleRank: z.number().int().nullish(),
});
export type SageRuleInput = z.output<typeof sageRuleInputSchema>;

/**
 * Contract 8, as it is answered. Unknown members are kept and shown, so that replacing a rule does not lose them
 * unseen.
 */
export const sageRuleSchema = z.looseObject({
  ...sageRuleInputSchema.shape,
  ruleConditions: z.array(ruleConditionSchema.loose()),
  ruleActions: z.array(
    ruleActionSchema.extend({ accountsPostings: z.array(rulePostingSchema.loose()) }).loose(),
  ),
  ruleAdditionalFields: z.array(ruleAdditionalFieldSchema.loose()).nullish(),
  ruleId: z.string().min(1),
  ruleRank: z.number().int(),
  status: z.string().nullish(),
  bankAccountId: z.string().nullish(),
});
export type SageRule = z.output<typeof sageRuleSchema>;
