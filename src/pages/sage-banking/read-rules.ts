import type {
  SageCandidatesResult,
  SageCommandKind,
  SageCommandResult,
  SageCommandRow,
} from '../../db/sage-banking/command-types.js';
import { readSageCommand } from '../../db/sage-banking/commands.js';
import { randomUUID } from 'node:crypto';
import type { SageAccountRow } from '../../db/sage-banking/accounts.js';
import type { SageRestorableRule, SageRuleResult } from '../../db/sage-banking/command-types.js';
import { seeOther } from '../page-problem.js';
import { isUuid } from '../status/status-context.js';
import type { SageVisit } from './context.js';
import { awaitOwnCommand, startCommand, sendCommandFailed } from './run-command.js';
import { sendWaiting, linkButton } from './page.js';
import { sagePaths } from './paths.js';

/** The account's rules as Sage has them now, by rank. Null: a page that says why not was sent. */
export async function readRules(
  visit: SageVisit,
  account: SageAccountRow,
  path: string,
): Promise<readonly SageRuleResult[] | null> {
  const command = await readAtSage(visit, { account, kind: 'sage_list_rules', path });
  return command === null ? null : rulesOf(command.result);
}

/** The rules that can be restored on the account. Null: a page that says why not was sent. */
export async function readRestorable(
  visit: SageVisit,
  account: SageAccountRow,
  path: string,
): Promise<readonly SageRestorableRule[] | null> {
  const command = await readAtSage(visit, { account, kind: 'sage_list_restorable_rules', path });
  return command === null ? null : rulesOf(command.result);
}

/** The accounts that were granted with the consent of this one. Null: a page that says why not was sent. */
export async function readCandidates(
  visit: SageVisit,
  account: SageAccountRow,
  path: string,
): Promise<SageCandidatesResult['accounts'] | null> {
  const command = await readAtSage(visit, { account, kind: 'sage_list_candidates', path });
  const result = command?.result ?? null;
  return result !== null && 'accounts' in result ? result.accounts : null;
}

/** Names of restorable rules by their old ids, if Sage answers quickly: the outcome can be shown without names. */
export async function namesOfRestorable(
  visit: SageVisit,
  account: SageAccountRow,
): Promise<ReadonlyMap<string, string>> {
  const commandId = randomUUID();
  const kind = 'sage_list_restorable_rules';
  await startCommand(visit, { commandId, kind, input: { sage_account_id: account.sageAccountId } });
  const { result } = await awaitOwnCommand(visit, { commandId, kinds: [kind], account });
  return new Map(rulesOf(result).map(({ ruleId, ruleName }) => [ruleId, ruleName]));
}

/** The kind of the command determines the type; the row was written by our own activity. */
function rulesOf(result: SageCommandResult | null): readonly SageRestorableRule[] {
  return result !== null && 'rules' in result ? (result.rules as readonly SageRestorableRule[]) : [];
}

/** How long a result is shown by the page that waited for it; a later load reads from Sage again. */
const readingFreshMs = 10_000;

/**
 * Reads from Sage and waits briefly; without an answer a page waits under `?reading=`. Every load of the page itself, and
 * of one whose result is old or deleted, reads again, so that the page shows the state at Sage and not a stored one.
 */
async function readAtSage(
  visit: SageVisit,
  input: { account: SageAccountRow; kind: SageCommandKind; path: string },
): Promise<SageCommandRow | null> {
  const { t } = visit.pages;
  const { account, kind, path } = input;
  const { sageAccountId } = account;
  const begun = visit.request.query.reading;
  const commandId = isUuid(begun) ? begun : randomUUID();
  if (isUuid(begun) && !(await isFreshReading(visit, { commandId, account }))) {
    seeOther(visit.response, path);
    return null;
  }
  if (!isUuid(begun)) {
    await startCommand(visit, { commandId, kind, input: { sage_account_id: sageAccountId } });
  }
  const command = await awaitOwnCommand(visit, { commandId, kinds: [kind], account });
  switch (command.state) {
    case 'running': {
      const { title, heading, lead } = t.sage.waiting;
      sendWaiting(visit, { title, heading, lead, path: `${path}?reading=${commandId}` });
      return null;
    }
    case 'failed':
      sendCommandFailed(visit, command, linkButton(sagePaths.account(sageAccountId), t.sage.backToAccount));
      return null;
    case 'done':
      return command;
    default:
      return command.state satisfies never;
  }
}

async function isFreshReading(
  { pages, customer }: SageVisit,
  { commandId, account }: { commandId: string; account: SageAccountRow },
): Promise<boolean> {
  const command = await readSageCommand(pages.pool, { commandId });
  const isOwn =
    command?.customerId === customer.customerId && command.input.sage_account_id === account.sageAccountId;
  if (!isOwn) return false;
  return command.finishedAt === null || pages.nowMs() - Date.parse(command.finishedAt) < readingFreshMs;
}
