import { PREDICTION } from './assumptions.js';
import { newId } from './http.js';
import type { PredictedAction, RuleRecord, TransactionBody } from './records.js';
import { ruleMatches } from './rule-match.js';
import { splitAmount } from './split.js';

/** The prediction of the first rule that matches; at most one (assumed, contract 9.4). */
export function predictByRules(
  rules: readonly RuleRecord[],
  transaction: TransactionBody,
): PredictedAction[] {
  const rule = rules.find((candidate) => ruleMatches(candidate.ruleConditions, transaction));
  return rule === undefined ? [] : [predictionOf(rule, transaction)];
}

/** Replaces the predictions of rules and keeps those of auto categorisation (assumed, contract 10). */
export function repredict(rules: readonly RuleRecord[], transaction: TransactionBody): TransactionBody {
  const kept = transaction.predictedActions.filter((action) => action.source !== PREDICTION.ruleSource);
  return { ...transaction, predictedActions: [...predictByRules(rules, transaction), ...kept] };
}

/** One posting per action, with its share (contract 9.6). */
function predictionOf(rule: RuleRecord, transaction: TransactionBody): PredictedAction {
  const percentages = rule.ruleActions.map((action) => action.splitPercentage);
  const shares = splitAmount(transaction.transactionAmount, percentages, transaction.currency);
  return {
    predictedId: newId(),
    score: PREDICTION.ruleScore,
    source: PREDICTION.ruleSource,
    rules: [{ ruleId: rule.id, ruleRank: rule.ruleRank, match: PREDICTION.match }],
    actions: {
      type: null,
      reference: null,
      ruleAdditionalFields: rule.ruleAdditionalFields,
      accountsPostings: rule.ruleActions.map((action, index) => {
        const share = shares[index] ?? 0;
        return {
          createdBy: rule.ruleName,
          grossAmount: share,
          netAmount: share,
          taxAmount: 0,
          accountantNarrative: action.accountantNarrative,
          postingInstructions: action.accountsPostings.map(({ type, code }, position) => ({
            type,
            code,
            name: null,
            status: null,
            value: position === 0 ? share : null,
          })),
        };
      }),
    },
  };
}
