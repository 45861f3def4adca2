import { z } from 'zod';
import { sageBankSchema, type SageBank } from '../../clients/sage-banking/schemas.js';
import type { CommandResult } from '../../db/commands.js';
import type { SageVisit } from './context.js';
import { requireUuid } from './context.js';
import { awaitOwnCommand } from './run-command.js';
import { sendSageMessage, sendWaiting, wayTo } from './page.js';
import { sagePaths } from './paths.js';

export interface FoundBanks {
  readonly searchId: string;
  readonly banks: readonly SageBank[];
  /** As many as Sage has of them; more than are listed when the list is built. */
  readonly total: number;
}

/**
 * What the search of the address has found. Null: it is still under way, or came to nothing, and the page that says so
 * was sent; `pathOf` is where the waiting page goes on. @throws {PageProblem} 404
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
        wayBack: wayTo(sagePaths.connect, t.sage.connect.searchAgain),
      });
      return null;
    case 'done':
      return { searchId, ...banksOf(command.result) };
    default:
      return command.state satisfies never;
  }
}

/** The row keeps Sage's own objects. */
function banksOf(result: CommandResult | null): Pick<FoundBanks, 'banks' | 'total'> {
  if (result === null || !('banks' in result)) return { banks: [], total: 0 };
  return { banks: z.array(sageBankSchema).parse(result.banks), total: result.total };
}
