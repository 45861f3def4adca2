import { z } from 'zod';
import { sageBankSchema, sageRuleInputSchema, sageRuleSchema } from '../../clients/sage-banking/schemas.js';

/** Answers of commands on Sage's channel, as the reference shows them. Banks and rules keep Sage's own members. */

const ruleIds = z.array(z.string());

export const sageRuleInputDoc = sageRuleInputSchema.meta({
  id: 'SageRuleInput',
  description:
    'At most 20 conditions, which must all hold, and 20 actions. Each `splitPercentage` is taken of what the actions before left; the last is 100. Criteria are text, for numbers and dates too. `ruleId`, `status`, `bankAccountId`, `created` and `modified`, which Sage adds to its answers, are left out; any other member that is unknown here is refused, so that a rule which has one is not replaced by one without it unawares.',
});

export const sageRuleChangesDoc = sageRuleInputSchema.partial().meta({
  id: 'SageRuleChanges',
  description: 'What changes alone. A list replaces the list.',
});

export const sageRuleDoc = sageRuleSchema.meta({ id: 'SageRule' });
export const sageRulesDoc = z.object({ rules: z.array(sageRuleDoc) }).meta({ id: 'SageRules' });

export const sageDeletedRuleDoc = z
  .object({ rule_id: z.string(), deleted: z.literal(true) })
  .meta({ id: 'SageDeletedRule' });

export const sageBanksDoc = z
  .object({
    banks: z.array(sageBankSchema).meta({ description: "One page, in Sage's own members." }),
    total: z.int(),
    next_index: z
      .int()
      .nullable()
      .meta({ description: '`start_index` of the next page; null on the last one.' }),
  })
  .meta({ id: 'SageBanks' });

const dryRunSample = z.object({
  transaction_id: z.int(),
  amount: z.string().nullable().meta({ description: "Null where Sage's own cannot be read." }),
  currency: z.string(),
  shares: z.array(z.string()).meta({ description: 'What each action would get, in their order.' }),
  taken_by: z.string().nullable().meta({ description: 'The rule that would come first, if any.' }),
});

export const sageRulePreviewDoc = z
  .object({
    checked_at: z.int().meta({ description: 'Stored transactions that were checked.' }),
    hits: z.int().meta({ description: 'Those that fit the conditions.' }),
    transaction_ids: z.array(z.int()).meta({ description: 'The first 1000 of them.' }),
    samples: z.array(dryRunSample).meta({ description: 'How the first 20 would be split.' }),
    beside: z
      .object({
        rank: z.int().meta({ description: 'The rank that the rule would get.' }),
        applied: z.int().meta({ description: 'Hits that no rule of a better rank takes first.' }),
        taken_first: z.array(z.object({ rule_id: z.string(), rule_rank: z.int(), hits: z.int() })),
        not_evaluated: ruleIds.meta({ description: 'Rules of a better rank that we cannot read.' }),
        same_name_rule_id: z.string().nullable().meta({
          description: 'A rule of this name: taken for the one that is edited, and left out.',
        }),
      })
      .nullable()
      .meta({ description: "The account's own rules beside it; null when Sage did not tell them." }),
  })
  .meta({ id: 'SageDryRun' });

export const sageRestorableRulesDoc = z
  .object({
    rules: z.array(
      sageRuleSchema.extend({
        sage_account_id: z.string().nullable().meta({ description: 'The account that it was on.' }),
        restored_rule_id: z.string().nullable().meta({
          description: 'Its new id on this account when it was restored before.',
        }),
      }),
    ),
  })
  .meta({ id: 'SageRestorableRules' });

export const sageRestoreDoc = z
  .object({
    restored: z.array(z.object({ rule_id: z.string(), new_rule_id: z.string() })),
    failed: z.array(
      z.object({
        rule_id: z.string(),
        reason: z.string().meta({ description: 'In words.' }),
        code: z.literal('not_reached').optional().meta({
          description: 'The time of the command, five minutes, was over before this rule: ask again.',
        }),
      }),
    ),
    reprocess_suggested: z.boolean().meta({
      description: 'There are transactions that arrived before these rules: a reprocess run would sort them.',
    }),
    pending: z.int().nullable().meta({
      description: 'Stored transactions without postings; null when they could not be counted in a moment.',
    }),
  })
  .meta({ id: 'SageRestore' });

export const sageResultSchemas = [
  sageBanksDoc,
  sageRulesDoc,
  sageRuleDoc,
  sageDeletedRuleDoc,
  sageRulePreviewDoc,
  sageRestorableRulesDoc,
  sageRestoreDoc,
] as const;
