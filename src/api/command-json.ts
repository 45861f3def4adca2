import { z } from 'zod';
import type { CommandProblem, CommandRow } from '../db/commands.js';
import { instant } from './fields.js';
import { Problem, unavailable } from './problem.js';
import { sageResultSchemas } from './sage-banking/command-json.js';

export const connectionResultSchema = z
  .object({
    connection_id: z.string().meta({ format: 'uuid' }),
    platform: z.string(),
    status: z.string().meta({ description: 'ok, refused or unavailable' }),
    link_url: z.string().nullable(),
  })
  .meta({ id: 'ConnectionResult' });

export const resyncResultSchema = z
  .object({
    feed_id: z.string().meta({ format: 'uuid' }),
    from: instant,
    effective_from: instant.meta({
      description: "`from`, or the feed's start date when that is later.",
    }),
    compared: z.int().meta({ description: 'Transactions that our completed batches call delivered.' }),
    at_rutter: z.int().meta({ description: "Those of them that Rutter's list has." }),
    gap: z.int().meta({ description: 'Those that it has not, checked twice: sent again.' }),
    already_waiting: z.int().meta({ description: 'Transactions that are to be sent in any case.' }),
    known_at_rutter: z.int().meta({
      description: 'Those of them that Rutter has already; they come back as duplicates.',
    }),
    transaction_ids: z.array(z.string()).meta({ description: 'The first 1000 of the gap.' }),
    first_posted_at: instant.nullable(),
    last_posted_at: instant.nullable(),
    dry_run: z.boolean(),
  })
  .meta({ id: 'ResyncResult' });

export const commandSchema = z
  .object({
    command_id: z.string().meta({ format: 'uuid' }),
    kind: z.string(),
    state: z.enum(['running', 'done', 'failed']),
    result: z.union([connectionResultSchema, resyncResultSchema, ...sageResultSchemas, z.null()]),
    problem: z.object({ code: z.string(), message: z.string() }).nullable(),
    created_at: instant,
    finished_at: instant.nullable(),
  })
  .meta({ id: 'Command' });

/** A command in answers; its input and secrets stay here. */
export function commandJson(command: CommandRow) {
  return {
    command_id: command.commandId,
    kind: command.kind,
    state: command.state,
    result: command.result,
    problem: command.problem,
    created_at: command.createdAt,
    finished_at: command.finishedAt,
  };
}

/** A failed command as the answer of the call that gave it. */
export function commandProblem(
  problem: CommandProblem,
  { commandId, kind }: Pick<CommandRow, 'commandId' | 'kind'>,
): Problem {
  const input = { code: problem.code, detail: problem.message, extra: { command_id: commandId } };
  switch (problem.code) {
    case 'connection_taken':
    case 'wrong_state':
    case 'rule_name_taken':
    case 'superseded':
      return new Problem({ ...input, status: 409 });
    case 'rule_not_found':
      return new Problem({ ...input, status: 404 });
    case 'list_too_long':
      return new Problem({ ...input, status: 422, errors: [{ pointer: '/from', message: problem.message }] });
    case 'token_refused':
      // Of the other channel: no token of the caller's, but our key that Sage refuses.
      return new Problem({ ...input, status: kind.startsWith('sage_') ? 502 : 422 });
    case 'connection_mismatch':
    case 'provider_refused':
      return new Problem({ ...input, status: 422 });
    case 'credentials_rejected':
      return new Problem({ ...input, status: 502 });
    case 'provider_unavailable':
      return unavailable({ ...input, code: 'provider_unavailable' });
    default:
      return problem.code satisfies never;
  }
}
