import { z } from 'zod';
import { sageBankSchema, sageRuleInputSchema, sageRuleSchema } from '../../clients/sage-banking/schemas.js';

/** Results of this channel's commands, as the reference shows them. Banks and rules keep Sage's own members. */

const ruleIds = z.array(z.string());

export const sageRuleInputDoc = sageRuleInputSchema.meta({
  id: 'SageRuleInput',
  description:
    'At most 20 conditions, which must all be true, and 20 actions. Each `splitPercentage` applies to the amount that the previous actions left; the last is 100. Criteria are text, also for numbers and dates. `ruleId`, `status`, `bankAccountId`, `created` and `modified`, which Sage adds to its answers, are ignored; any other unknown member is refused, so that a rule that has one is not replaced by accident with a rule without it.',
});

export const sageRuleChangesDoc = sageRuleInputSchema.partial().meta({
  id: 'SageRuleChanges',
  description: 'Only the members that change. A list replaces the whole list.',
});

export const sageRuleDoc = sageRuleSchema.meta({ id: 'SageRule' });
export const sageRulesDoc = z.object({ rules: z.array(sageRuleDoc) }).meta({ id: 'SageRules' });

export const sageDeletedRuleDoc = z
  .object({ rule_id: z.string(), deleted: z.literal(true) })
  .meta({ id: 'SageDeletedRule' });

export const sageBanksDoc = z
  .object({
    banks: z.array(sageBankSchema).meta({ description: "One page, with Sage's own members." }),
    total: z.int(),
    next_index: z
      .int()
      .nullable()
      .meta({ description: '`start_index` of the next page; null on the last one.' }),
  })
  .meta({ id: 'SageBanks' });

const previewSample = z.object({
  transaction_id: z.int(),
  amount: z.string().nullable().meta({ description: "Null when Sage's amount cannot be read." }),
  currency: z.string(),
  shares: z.array(z.string()).meta({ description: 'The amount of each action, in their order.' }),
  taken_by: z.string().nullable().meta({ description: 'The rule that would apply first, if any.' }),
});

export const sageRulePreviewDoc = z
  .object({
    checked_count: z.int().meta({ description: 'Stored transactions that were checked.' }),
    hits: z.int().meta({ description: 'Those that match the conditions.' }),
    transaction_ids: z.array(z.int()).meta({ description: 'The first 1000 of them.' }),
    samples: z.array(previewSample).meta({ description: 'How the first 20 would be split.' }),
    beside: z
      .object({
        rank: z.int().meta({ description: 'The rank that the rule would get.' }),
        applied: z.int().meta({ description: 'Hits to which no rule of a better rank applies first.' }),
        taken_first: z.array(z.object({ rule_id: z.string(), rule_rank: z.int(), hits: z.int() })),
        not_evaluated: ruleIds.meta({ description: 'Rules of a better rank that could not be evaluated.' }),
        same_name_rule_id: z.string().nullable().meta({
          description: 'A rule of this name. It is assumed to be the edited rule, and left out.',
        }),
      })
      .nullable()
      .meta({ description: "Compared with the account's own rules; null when Sage did not list them." }),
  })
  .meta({ id: 'SageDryRun' });

export const sageRestorableRulesDoc = z
  .object({
    rules: z.array(
      sageRuleSchema.extend({
        sage_account_id: z.string().nullable().meta({ description: 'The account that it belonged to.' }),
        restored_rule_id: z.string().nullable().meta({
          description: 'Its id on this account, when it was restored before.',
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
        reason: z.string().meta({ description: 'For display.' }),
        code: z.literal('not_reached').optional().meta({
          description:
            'The time limit of the command, five minutes, was reached before this rule: repeat the call.',
        }),
      }),
    ),
    reprocess_suggested: z.boolean().meta({
      description:
        'There are transactions that arrived before these rules: a reprocess run would apply the rules to them.',
    }),
    pending: z.int().nullable().meta({
      description: 'Stored transactions without postings; null when counting them took too long.',
    }),
  })
  .meta({ id: 'SageRestore' });

export const sageCandidatesDoc = z
  .object({
    accounts: z.array(
      z.object({
        candidate_id: z.string(),
        connected: z.boolean().meta({ description: 'It is an account of the company already.' }),
        metadata: z
          .record(z.string(), z.unknown())
          .meta({ description: "What Sage says of it, in Sage's members." }),
      }),
    ),
  })
  .meta({ id: 'SageAvailableAccounts' });

export const sageResultSchemas = [
  sageBanksDoc,
  sageRulesDoc,
  sageRuleDoc,
  sageDeletedRuleDoc,
  sageRulePreviewDoc,
  sageRestorableRulesDoc,
  sageRestoreDoc,
  sageCandidatesDoc,
] as const;
