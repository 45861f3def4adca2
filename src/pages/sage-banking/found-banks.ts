import type { SageCommandResult } from '../../db/sage-banking/command-types.js';
import { z } from 'zod';
import { sageBankSchema, type SageBank } from '../../clients/sage-banking/schemas.js';
import type { SageVisit } from './context.js';
import { requireUuid } from './context.js';
import { awaitOwnCommand } from './run-command.js';
import { sendSageMessage, sendWaiting, linkButton } from './page.js';
import { sagePaths } from './paths.js';

export interface FoundBanks {
  readonly searchId: string;
  readonly banks: readonly SageBank[];
  /** The number of matches at Sage; larger than the list when that is truncated. */
  readonly total: number;
}

/**
 * The results of the search in the URL. Null: the search is still running or failed, and a page that says so was sent;
 * `pathOf` is the address at which the waiting page continues. @throws {PageProblem} 404
 */
export async function foundBanks(
  visit: SageVisit,
  pathOf: (searchId: string) => string,
): Promise<FoundBanks | null> {
  const { t } = visit.pages;
  const searchId = requireUuid(visit, 'searchId');
  const command = await awaitOwnCommand(visit, { commandId: searchId, kinds: ['sage_list_banks'] });
  switch (command.state) {
    case 'running': {
      const { title, heading, lead } = t.sage.waiting;
      sendWaiting(visit, { title, heading, lead, path: pathOf(searchId) });
      return null;
    }
    case 'failed':
      sendSageMessage(visit, {
        message: t.sage.connect.failed,
        status: 502,
        backLink: linkButton(sagePaths.connect, t.sage.connect.searchAgain),
      });
      return null;
    case 'done':
      return { searchId, ...banksOf(command.result) };
    default:
      return command.state satisfies never;
  }
}

/** The row contains Sage's own objects. */
function banksOf(result: SageCommandResult | null): Pick<FoundBanks, 'banks' | 'total'> {
  if (result === null || !('banks' in result)) return { banks: [], total: 0 };
  return { banks: z.array(sageBankSchema).parse(result.banks), total: result.total };
}
