import { accountOf, refuseCancelled } from './accounts.js';
import { rulesPerAccountMax, STATUS } from './assumptions.js';
import { conflict, invalid, isObject, newId, notFound, type Answer, type ApiRequest } from './http.js';
import type { RuleRecord } from './records.js';
import { renderRule } from './render.js';
import { ACCOUNT, COMPANY, type Route } from './route.js';
import { readRule, type RuleInput } from './rule-input.js';
import type { Sandbox } from './sandbox.js';
import type { Change } from './state.js';

const RULE = `${ACCOUNT}/rules/:ruleId`;

export const ruleRoutes: readonly Route[] = [
  { method: 'POST', path: `${ACCOUNT}/rules`, access: 'account', counter: 'rule_posts', answer: createRule },
  { method: 'GET', path: `${ACCOUNT}/rules`, access: 'account', answer: listRules },
  { method: 'GET', path: RULE, access: 'account', answer: showRule },
  { method: 'PUT', path: RULE, access: 'account', answer: replaceRule },
  { method: 'PATCH', path: RULE, access: 'account', answer: amendRule },
  { method: 'DELETE', path: RULE, access: 'account', answer: deleteRule },
  { method: 'GET', path: `${COMPANY}/rules`, access: 'company', answer: listCompanyRules },
  { method: 'DELETE', path: `${COMPANY}/rules/:ruleId`, access: 'company', answer: deleteDisconnected },
];

function createRule(sandbox: Sandbox, request: ApiRequest): Answer {
  const account = accountOf(request);
  refuseCancelled(account);
  const { ruleRank, ...content } = readRule(request.json);
  const rules = sandbox.state.rulesOf(account.id);
  refuseName(rules, content.ruleName, null);
  if (rules.length >= rulesPerAccountMax) {
    throw invalid({
      field: 'ruleName',
      reason: `is beyond the ${rulesPerAccountMax} rules of an account`,
    });
  }
  const nowMs = sandbox.clock.nowMs();
  const rule: RuleRecord = {
    ...content,
    id: newId(),
    companyId: account.companyId,
    accountId: account.id,
    ruleRank: rules.length + 1,
    status: 'active',
    createdAtMs: nowMs,
    modifiedAtMs: nowMs,
  };
  const placed = moveToRank(sandbox, rules, rule, ruleRank ?? rules.length + 1);
  return { status: STATUS.ruleCreated, body: renderRule(sandbox, placed) };
}

function listRules(sandbox: Sandbox, request: ApiRequest): Answer {
  const rules = sandbox.state.rulesOf(accountOf(request).id);
  return { status: 200, body: { rules: rules.map((rule) => renderRule(sandbox, rule)) } };
}

function showRule(sandbox: Sandbox, request: ApiRequest): Answer {
  return { status: 200, body: renderRule(sandbox, findRule(sandbox, request)) };
}

/** The body is a complete rule; without a rank it keeps its own (assumed). */
function replaceRule(sandbox: Sandbox, request: ApiRequest): Answer {
  const rule = findRule(sandbox, request);
  refuseCancelled(accountOf(request));
  return change(sandbox, rule, readRule(request.json));
}

/** Only what changes is sent; a list that is sent replaces the list (assumed, contract 8). */
function amendRule(sandbox: Sandbox, request: ApiRequest): Answer {
  const rule = findRule(sandbox, request);
  refuseCancelled(accountOf(request));
  if (!isObject(request.json)) throw invalid({ field: 'body', reason: 'must be an object' });
  return change(sandbox, rule, readRule({ ...rule, ...request.json }));
}

function change(sandbox: Sandbox, rule: RuleRecord, { ruleRank, ...content }: RuleInput): Answer {
  const rules = sandbox.state.rulesOf(rule.accountId);
  refuseName(rules, content.ruleName, rule.id);
  const changed = { ...rule, ...content, modifiedAtMs: sandbox.clock.nowMs() };
  const placed = moveToRank(sandbox, rules, changed, ruleRank ?? rule.ruleRank);
  return { status: 200, body: renderRule(sandbox, placed) };
}

function deleteRule(sandbox: Sandbox, request: ApiRequest): Answer {
  const rule = findRule(sandbox, request);
  refuseCancelled(accountOf(request));
  const rest = sandbox.state.rulesOf(rule.accountId).filter((other) => other.id !== rule.id);
  sandbox.commit({ drop: 'rule', id: rule.id }, ...ranked(rest));
  return { status: STATUS.ruleDeleted };
}

/** Where rules of disconnected accounts are found again (path assumed, contract 8.1). */
function listCompanyRules(sandbox: Sandbox, request: ApiRequest): Answer {
  const status = request.query.get('status');
  if (status !== undefined && status !== 'active' && status !== 'disconnected') {
    throw invalid({ field: 'status', reason: 'must be active or disconnected' });
  }
  const rules = sandbox.state
    .all('rule')
    .filter((rule) => rule.companyId === request.company?.id && (status ?? rule.status) === rule.status);
  return { status: 200, body: { rules: rules.map((rule) => renderRule(sandbox, rule)) } };
}

function deleteDisconnected(sandbox: Sandbox, request: ApiRequest): Answer {
  const id = request.params['ruleId'] ?? '';
  const rule = sandbox.state.get('rule', id);
  if (rule === undefined || rule.companyId !== request.company?.id) throw notFound(`rule ${id}`);
  if (rule.status === 'active') throw conflict('the rule is active: delete it at its account');
  sandbox.commit({ drop: 'rule', id });
  return { status: STATUS.ruleDeleted };
}

function findRule(sandbox: Sandbox, request: ApiRequest): RuleRecord {
  const id = request.params['ruleId'] ?? '';
  const rule = sandbox.state.get('rule', id);
  if (rule === undefined || rule.accountId !== accountOf(request).id) throw notFound(`rule ${id}`);
  return rule;
}

/** Assumed: a name is unique among an account's active rules (contract 8). */
function refuseName(rules: readonly RuleRecord[], name: string, exceptId: string | null): void {
  if (rules.some((rule) => rule.ruleName === name && rule.id !== exceptId)) {
    throw conflict('another rule of this account has this name');
  }
}

/** Puts the rule at its rank and moves the others, so that ranks stay 1…n (assumed, contract 9.4). */
function moveToRank(
  sandbox: Sandbox,
  rules: readonly RuleRecord[],
  rule: RuleRecord,
  rank: number,
): RuleRecord {
  const others = rules.filter((other) => other.id !== rule.id);
  const position = Math.min(rank, others.length + 1);
  const placed = { ...rule, ruleRank: position };
  const order = [...others.slice(0, position - 1), placed, ...others.slice(position - 1)];
  // The rule itself is always written, the others only if their rank changed.
  sandbox.commit({ put: 'rule', record: placed }, ...ranked(order));
  return placed;
}

/** The changes that set each rule's rank to its position. */
function ranked(order: readonly RuleRecord[]): Change[] {
  return order.flatMap((rule, index): Change[] =>
    rule.ruleRank === index + 1 ? [] : [{ put: 'rule', record: { ...rule, ruleRank: index + 1 } }],
  );
}
