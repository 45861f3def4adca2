import { insertCommand } from '../../db/commands.js';
import type {
  SageCommandInput,
  SageCommandKind,
  SageCommandRow,
} from '../../db/sage-banking/command-types.js';
import { readSageCommand } from '../../db/sage-banking/commands.js';
import { isDeepStrictEqual } from 'node:util';
import { pollRow } from '../../api/poll-row.js';
import type { SageAccountRow } from '../../db/sage-banking/accounts.js';
import type { Html } from '../html.js';
import { PageProblem } from '../page-problem.js';
import type { SageVisit } from './context.js';
import { notFoundProblem } from './context.js';
import { sendSageMessage } from './page.js';

/** A request waits this long for Sage's answer; after that a page that reloads itself continues. */
const answerWaitMs = 3_000;

/**
 * Starts a command at Sage. Its id comes from the form, so that sending the form twice is one command. A changed form under
 * an id that is already used (somebody went back in the browser) is refused, not silently ignored.
 */
export async function startCommand(
  { pages, customer }: SageVisit,
  command: { commandId: string; kind: SageCommandKind; input: SageCommandInput },
): Promise<void> {
  const { commandId, kind, input } = command;
  const { customerId } = customer;
  await insertCommand(pages.pool, { commandId, customerId, kind, input, secretSealed: null });
  const row = await readSageCommand(pages.pool, { commandId });
  const stored: unknown = JSON.parse(JSON.stringify(input));
  if (row?.customerId !== customerId) throw new PageProblem(400, pages.t.problems.badForm);
  if (row.kind !== kind || !isDeepStrictEqual(row.input, stored)) {
    throw new PageProblem(409, pages.t.problems.forged);
  }
  if (row.state === 'running') await pages.facade.runCommand({ commandId, channel: 'sage-banking' });
}

/**
 * The customer's own command, after a short wait for its end. With `account` it must be about that account.
 * @throws {PageProblem} 404
 */
export async function awaitOwnCommand(
  visit: SageVisit,
  wanted: { commandId: string; kinds: readonly SageCommandKind[]; account?: SageAccountRow },
): Promise<SageCommandRow> {
  const command = await pollRow({
    read: () => readSageCommand(visit.pages.pool, wanted),
    done: (row) => row?.state !== 'running' || !isOwn(visit, row, wanted) || visit.response.closed,
    timeoutMs: answerWaitMs,
  });
  if (command === null || !isOwn(visit, command, wanted)) throw notFoundProblem(visit);
  return command;
}

function isOwn(
  { customer }: SageVisit,
  command: SageCommandRow,
  wanted: { kinds: readonly SageCommandKind[]; account?: SageAccountRow },
): boolean {
  return (
    command.customerId === customer.customerId &&
    wanted.kinds.some((kind) => kind === command.kind) &&
    (wanted.account === undefined || command.input.sage_account_id === wanted.account.sageAccountId)
  );
}

/** Sends the page of a failed command, with Sage's message where there is one. */
export function sendCommandFailed(visit: SageVisit, command: SageCommandRow, backLink: Html): void {
  const { sage } = visit.pages.t;
  sendSageMessage(visit, {
    message: {
      heading: sage.commandFailed.heading,
      paragraphs: [commandProblemText(visit, command), ...sage.commandFailed.paragraphs],
    },
    status: 502,
    backLink,
  });
}

export function commandProblemText({ pages: { t } }: SageVisit, { problem }: SageCommandRow): string {
  const texts = t.sage.commandProblems;
  switch (problem?.code) {
    case 'wrong_state':
    case 'rule_not_found':
    case 'rule_name_taken':
    case 'superseded':
    case 'precondition_failed':
    case 'provider_unavailable':
    case 'token_refused':
    case 'interrupted':
      return texts[problem.code];
    case 'provider_refused':
      return t.sage.sageSaid(problem.message);
    default:
      return texts.other;
  }
}
