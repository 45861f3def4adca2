import type { RuleDraft } from '../../domain/sage-banking/rules/rule.js';
import type { CommandRow } from '../commands.js';

/**
 * Inputs and results of the commands of Sage's channel. Results are stored in the row as plain JSON: each list is bounded,
 * by Sage's pages, by the rules an account may have, or by a limit of the command.
 */

/** Requests to Sage's Banking Service that have no workflow of their own. */
export const sageCommandKinds = [
  'sage_list_banks',
  'sage_list_rules',
  'sage_get_rule',
  'sage_create_rule',
  'sage_replace_rule',
  'sage_amend_rule',
  'sage_delete_rule',
  'sage_dry_run_rule',
  'sage_list_restorable_rules',
  'sage_restore_rules',
  'sage_delete_disconnected_rule',
  'sage_list_candidates',
] as const;
export type SageCommandKind = (typeof sageCommandKinds)[number];

/**
 * By kind: `sage_list_banks` {name?, country?, start_index?}, `sage_list_rules` and `sage_list_restorable_rules`
 * {sage_account_id}, `sage_get_rule` and `sage_delete_rule` with {rule_id}, `sage_create_rule` with {rule},
 * `sage_dry_run_rule` with {rule} and, where one is edited, its {rule_id}, `sage_replace_rule` with {rule_id, rule},
 * `sage_amend_rule` the same with what changes alone; changes may have {if_match, by, based_on}; `sage_restore_rules` with {rule_ids},
 * `sage_delete_disconnected_rule` with {rule_id}, `sage_list_candidates` with {sage_account_id}. Rules were validated before
 * they are stored here.
 */
export interface SageCommandInput {
  readonly name?: string;
  readonly country?: string;
  readonly start_index?: number;
  readonly sage_account_id?: string;
  readonly rule_id?: string;
  readonly rule?: Partial<RuleDraft>;
  readonly rule_ids?: readonly string[];
  /** Entity tags of the rule: it is changed or deleted only while it has one of them. Absent: in any case. */
  readonly if_match?: readonly string[];
  /** Who asked for a change of a rule; shown to whoever changes the same one. */
  readonly by?: SageRuleAuthor;
  /** The version of the rule that a form was filled in from, to show what was changed meanwhile. */
  readonly based_on?: RuleDraft;
}

/** A signed-in customer, on the pages; or core banking or an operator, by the API. */
export type SageRuleAuthor = 'customer' | 'core' | 'ops';

/** In the problem of a change that a newer version of its rule prevented. */
export interface SageRuleConflict {
  readonly etag: string;
  /** The rule as it is now. */
  readonly rule: SageRuleResult;
  /** Who made it so through this service, and when (ISO text); null: not through this service, or another rule was moved. */
  readonly changed: { readonly by: SageRuleAuthor | null; readonly at: string } | null;
}

export type SageCommandResult =
  | SageBanksResult
  | SageRulesResult
  | SageRuleResult
  | SageDeletedRuleResult
  | SageRulePreviewResult
  | SageRestorableRulesResult
  | SageRestoreResult
  | SageCandidatesResult;

export type SageCommandRow = CommandRow<SageCommandKind, SageCommandInput, SageCommandResult>;

/** Accounts that the customer has granted with the consent of an account. */
export interface SageCandidatesResult {
  readonly accounts: readonly {
    readonly candidate_id: string;
    /** It is an account of the company already. */
    readonly connected: boolean;
    /** What Sage says of it, in Sage's own members. */
    readonly metadata: Readonly<Record<string, unknown>>;
  }[];
}

/** One page of Sage's banks, in Sage's own members. */
export interface SageBanksResult {
  readonly banks: readonly Readonly<Record<string, unknown>>[];
  readonly total: number;
  /** Where the next page begins; null on the last one. */
  readonly next_index: number | null;
}

/** A rule in Sage's own members; members unknown here are kept. */
export type SageRuleResult = RuleDraft & {
  readonly ruleId: string;
  readonly ruleRank: number;
  readonly status?: string | null | undefined;
  readonly bankAccountId?: string | null | undefined;
};

/** By rank. */
export interface SageRulesResult {
  readonly rules: readonly SageRuleResult[];
}

export interface SageDeletedRuleResult {
  readonly rule_id: string;
  readonly deleted: true;
}

/** Which stored transactions a rule would match. Nothing was sent or changed. */
export interface SageRulePreviewResult {
  /** Stored transactions that were checked. */
  readonly checked_count: number;
  /** Those that the rule's conditions fit. */
  readonly hits: number;
  /** The first of them, by id. */
  readonly transaction_ids: readonly number[];
  /** What the actions would get of the first few. */
  readonly samples: readonly SageRulePreviewSample[];
  /** How the account's own rules relate to it; null when Sage did not return them in time. */
  readonly beside: SageRulePreviewBeside | null;
}

export interface SageRulePreviewSample {
  readonly transaction_id: number;
  /** Null where Sage's own cannot be read; there are no shares of it then. */
  readonly amount: string | null;
  readonly currency: string;
  /** In the order of the rule's actions; they add up to the amount. */
  readonly shares: readonly string[];
  /** The rule of a better rank that would take it first; null: this one would. */
  readonly taken_by: string | null;
}

export interface SageRulePreviewBeside {
  /** The rank that the rule would get. */
  readonly rank: number;
  /** Hits that no rule of a better rank takes first. */
  readonly applied: number;
  /** Rules of a better rank, and how many of the hits each would take first. */
  readonly taken_first: readonly {
    readonly rule_id: string;
    readonly rule_rank: number;
    readonly hits: number;
  }[];
  /** Rules of a better rank with a condition that we cannot validate: they may take hits, too. */
  readonly not_evaluated: readonly string[];
  /** A rule that has the name already: a new rule would be refused. It is left out here unless another is edited. */
  readonly same_name_rule_id: string | null;
}

/** A rule of a disconnected account of the company. */
export type SageRestorableRule = SageRuleResult & {
  /** Ours, where we know the account. */
  readonly sage_account_id: string | null;
  /** Its new id on this account when it was restored before. */
  readonly restored_rule_id: string | null;
};

export interface SageRestorableRulesResult {
  readonly rules: readonly SageRestorableRule[];
}

export interface SageRestoreResult {
  readonly restored: readonly { readonly rule_id: string; readonly new_rule_id: string }[];
  readonly failed: readonly {
    readonly rule_id: string;
    /** For display. */
    readonly reason: string;
    /** The command's time was over before it: asking again goes on there. */
    readonly code?: 'not_reached';
  }[];
  /** There are rules now, and transactions that arrived before them, as far as is known. */
  readonly reprocess_suggested: boolean;
  /** Stored transactions that came without postings; null when they could not be counted in a moment. */
  readonly pending: number | null;
}
