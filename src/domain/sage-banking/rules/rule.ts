/** A bank rule in Sage's own members (contract 8). */

export interface RuleCondition {
  readonly ruleField: string;
  readonly ruleOperation: string;
  /** Text, also for numbers and dates. */
  readonly ruleCriteria: string;
}

export interface RulePosting {
  readonly type: string;
  readonly code: string;
}

export interface RuleAction {
  readonly splitPercentage: number;
  readonly accountantNarrative?: string | null | undefined;
  readonly accountsPostings: readonly RulePosting[];
}

export interface RuleAdditionalField {
  readonly name: string;
  readonly value: string;
}

/** A rule as it is sent. */
export interface RuleDraft {
  readonly ruleName: string;
  readonly ruleConditions: readonly RuleCondition[];
  readonly ruleActions: readonly RuleAction[];
  readonly ruleAdditionalFields?: readonly RuleAdditionalField[] | null | undefined;
  /** 1 comes first; a new rule without one goes last. */
  readonly ruleRank?: number | null | undefined;
}

/** A transaction in Sage's own members (contract 7.2); nearly all of them may be missing. */
export type RuleTransaction = Readonly<Record<string, unknown>>;

/** One finding in a rule: a JSON pointer to the member, and the end of a sentence that begins with it. */
export interface RuleProblem {
  readonly pointer: string;
  readonly message: string;
}
