import { z } from 'zod';
import type { SageBankingClient } from './client.js';
import type { CompanyRequester } from './company-request.js';
import { sageRuleSchema } from './schemas.js';

const ruleListSchema = z.object({ rules: z.array(sageRuleSchema) }).transform(({ rules }) => rules);
const deletedSchema = z.unknown().transform(() => undefined);

export type RuleCalls = Pick<
  SageBankingClient,
  | 'listRules'
  | 'getRule'
  | 'createRule'
  | 'replaceRule'
  | 'amendRule'
  | 'deleteRule'
  | 'listDisconnectedRules'
  | 'deleteDisconnectedRule'
>;

/** Rules of a bank account, and those that disconnected accounts of the company have left (contract 8). */
export function createRuleCalls({ companyRequest }: { companyRequest: CompanyRequester }): RuleCalls {
  return { ...createRuleReads(companyRequest), ...createRuleWrites(companyRequest) };
}

function createRuleReads(
  companyRequest: CompanyRequester,
): Pick<RuleCalls, 'listRules' | 'getRule' | 'listDisconnectedRules'> {
  return {
    listRules: ({ access, bankAccountId, signal }) =>
      companyRequest({
        operation: 'listRules',
        method: 'GET',
        access,
        signal,
        segments: ['bankaccounts', bankAccountId, 'rules'],
        schema: ruleListSchema,
      }),

    getRule: ({ access, bankAccountId, ruleId, signal }) =>
      companyRequest({
        operation: 'getRule',
        method: 'GET',
        access,
        signal,
        segments: ['bankaccounts', bankAccountId, 'rules', ruleId],
        schema: ruleSchemaOf(ruleId),
      }),

    listDisconnectedRules: ({ access, signal }) =>
      companyRequest({
        operation: 'listDisconnectedRules',
        method: 'GET',
        access,
        signal,
        segments: ['rules'],
        query: { status: 'disconnected' },
        schema: ruleListSchema,
      }),
  };
}

function createRuleWrites(
  companyRequest: CompanyRequester,
): Pick<RuleCalls, 'createRule' | 'replaceRule' | 'amendRule' | 'deleteRule' | 'deleteDisconnectedRule'> {
  return {
    createRule: ({ access, bankAccountId, rule, signal }) =>
      companyRequest({
        operation: 'createRule',
        method: 'POST',
        access,
        signal,
        segments: ['bankaccounts', bankAccountId, 'rules'],
        json: rule,
        schema: sageRuleSchema,
      }),

    replaceRule: ({ access, bankAccountId, ruleId, rule, signal }) =>
      companyRequest({
        operation: 'replaceRule',
        method: 'PUT',
        access,
        signal,
        segments: ['bankaccounts', bankAccountId, 'rules', ruleId],
        json: rule,
        schema: ruleSchemaOf(ruleId),
      }),

    amendRule: ({ access, bankAccountId, ruleId, changes, signal }) =>
      companyRequest({
        operation: 'amendRule',
        method: 'PATCH',
        access,
        signal,
        segments: ['bankaccounts', bankAccountId, 'rules', ruleId],
        json: changes,
        schema: ruleSchemaOf(ruleId),
      }),

    deleteRule: ({ access, bankAccountId, ruleId, signal }) =>
      companyRequest({
        operation: 'deleteRule',
        method: 'DELETE',
        access,
        signal,
        mayBeEmpty: true,
        segments: ['bankaccounts', bankAccountId, 'rules', ruleId],
        schema: deletedSchema,
      }),

    deleteDisconnectedRule: ({ access, ruleId, signal }) =>
      companyRequest({
        operation: 'deleteDisconnectedRule',
        method: 'DELETE',
        access,
        signal,
        mayBeEmpty: true,
        segments: ['rules', ruleId],
        schema: deletedSchema,
      }),
  };
}

/** The answer must be about the rule that was asked for. */
function ruleSchemaOf(ruleId: string) {
  return sageRuleSchema.refine((rule) => rule.ruleId === ruleId, { path: ['ruleId'] });
}
