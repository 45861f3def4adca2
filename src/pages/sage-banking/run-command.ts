import { isDeepStrictEqual } from 'node:util';
import { pollRow } from '../../api/poll-row.js';
import type { CommandInput, CommandRow, SageCommandKind } from '../../db/commands.js';
import { insertCommand, readCommand } from '../../db/commands.js';
import type { SageAccountRow } from '../../db/sage-banking/accounts.js';
import type { Html } from '../html.js';
import { PageProblem } from '../page-problem.js';
import type { SageVisit } from './context.js';
import { notThere } from './context.js';
import { sendSageMessage } from './page.js';

/** A request waits this long for Sage's answer; then a page that loads itself again takes over. */
const answerWaitMs = 3_000;

/**
 * Orders something of Sage. The row is the order, and its id came with the form: the same order twice is one. Another
 * order under an id that is taken (somebody went back in the browser and changed the form) is refused, not dropped.
 */
export async function orderCommand(
  { pages, customer }: SageVisit,
  order: { commandId: string; kind: SageCommandKind; input: CommandInput },
): Promise<void> {
  const { commandId, kind, input } = order;
  const { customerId } = customer;
  await insertCommand(pages.pool, { commandId, customerId, kind, input, secretSealed: null });
  const command = await readCommand(pages.pool, { commandId });
  const stored: unknown = JSON.parse(JSON.stringify(input));
  if (command?.customerId !== customerId) throw new PageProblem(400, pages.t.problems.badForm);
  if (command.kind !== kind || !isDeepStrictEqual(command.input, stored)) {
    throw new PageProblem(409, pages.t.problems.forged);
  }
  if (command.state === 'running') await pages.facade.runCommand({ commandId, channel: 'sage-banking' });
}

/**
 * The customer's own command, waited for a little. With `account` it must be about that one.
 * @throws {PageProblem} 404
 */
export async function awaitOwnCommand(
  visit: SageVisit,
  wanted: { commandId: string; kinds: readonly SageCommandKind[]; account?: SageAccountRow },
): Promise<CommandRow> {
  const command = await pollRow({
    read: () => readCommand(visit.pages.pool, wanted),
    done: (row) => row?.state !== 'running' || !isOwn(visit, row, wanted) || visit.response.closed,
    timeoutMs: answerWaitMs,
  });
  if (command === null || !isOwn(visit, command, wanted)) throw notThere(visit);
  return command;
}

function isOwn(
  { customer }: SageVisit,
  command: CommandRow,
  wanted: { kinds: readonly SageCommandKind[]; account?: SageAccountRow },
): boolean {
  return (
    command.customerId === customer.customerId &&
    wanted.kinds.some((kind) => kind === command.kind) &&
    (wanted.account === undefined || command.input.sage_account_id === wanted.account.sageAccountId)
  );
}

/** What a command came to nothing by, with Sage's words where it has any. */
export function sendCommandFailed(visit: SageVisit, command: CommandRow, wayBack: Html): void {
  const { sage } = visit.pages.t;
  sendSageMessage(visit, {
    message: {
      heading: sage.commandFailed.heading,
      paragraphs: [commandProblemText(visit, command), ...sage.commandFailed.paragraphs],
    },
    status: 502,
    wayBack,
  });
}

export function commandProblemText({ pages: { t } }: SageVisit, { problem }: CommandRow): string {
  const texts = t.sage.commandProblems;
  switch (problem?.code) {
    case 'wrong_state':
    case 'rule_not_found':
    case 'rule_name_taken':
    case 'superseded':
    case 'provider_unavailable':
    case 'token_refused':
      return texts[problem.code];
    case 'provider_refused':
      return t.sage.sageSaid(problem.message);
    default:
      return texts.other;
  }
}
