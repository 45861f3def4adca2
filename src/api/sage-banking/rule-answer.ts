import type { SageCommandInput } from '../../db/sage-banking/command-types.js';
import { ruleEtagOf } from '../../db/sage-banking/rule-etag.js';
import type { Role } from '../auth.js';
import type { RouteAnswer } from '../define-route.js';

const acceptedStatus = 202;

/** The answer of a command whose result is a rule, with the rule's entity tag; a command that still runs has none. */
export function withRuleEtag(answer: RouteAnswer): RouteAnswer {
  const { status, body, headers } = answer;
  if (status === acceptedStatus || typeof body !== 'object' || body === null) return answer;
  return { ...answer, headers: { ...headers, ETag: ruleEtagOf(body) } };
}

/** What a change of a rule is bound to, and who asked for it. */
export function changeOf(context: {
  readonly role: Role;
  readonly ifMatch: readonly string[] | null;
}): Pick<SageCommandInput, 'if_match' | 'by'> {
  const { role, ifMatch } = context;
  return { by: role, ...(ifMatch === null ? {} : { if_match: ifMatch }) };
}
