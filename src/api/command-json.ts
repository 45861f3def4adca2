import { z } from 'zod';
import type { CommandProblem, CommandRow } from '../db/commands.js';
import type { ApiChannels } from './channel.js';
import { instant } from './fields.js';
import { Problem, unavailable } from './problem.js';

/** A command as JSON, with the results that the commands of all channels have. */
export function commandSchema(channels: ApiChannels) {
  const results = Object.values(channels).flatMap((channel) => channel.commandResults);
  return z
    .object({
      command_id: z.string().meta({ format: 'uuid' }),
      kind: z.string(),
      state: z.enum(['running', 'done', 'failed']),
      result: z.union([...results, z.null()]),
      problem: z.object({ code: z.string(), message: z.string() }).nullable(),
      created_at: instant,
      finished_at: instant.nullable(),
    })
    .meta({ id: 'Command' });
}

/** A command as JSON; its input and secrets are left out. */
export function commandJson(command: CommandRow) {
  return {
    command_id: command.commandId,
    kind: command.kind,
    state: command.state,
    result: command.result,
    problem:
      command.problem === null ? null : { code: command.problem.code, message: command.problem.message },
    created_at: command.createdAt,
    finished_at: command.finishedAt,
  };
}

/**
 * A failed command as the answer of the call that started it. `tokenRefusedStatus`: 422 where the caller sent the token
 * that the provider refuses, 502 where it is a key of ours.
 */
export function commandProblem(
  problem: CommandProblem,
  input: { commandId: string; tokenRefusedStatus: 422 | 502 },
): Problem {
  const shown = { code: problem.code, detail: problem.message, extra: { command_id: input.commandId } };
  switch (problem.code) {
    case 'connection_taken':
    case 'wrong_state':
    case 'rule_name_taken':
    case 'superseded':
      return new Problem({ ...shown, status: 409 });
    case 'precondition_failed': {
      const etag = problem.detail?.['etag'];
      const headers = typeof etag === 'string' ? { ETag: etag } : {};
      return new Problem({ ...shown, status: 412, headers });
    }
    case 'rule_not_found':
      return new Problem({ ...shown, status: 404 });
    case 'list_too_long':
      return new Problem({ ...shown, status: 422, errors: [{ pointer: '/from', message: problem.message }] });
    case 'token_refused':
      return new Problem({ ...shown, status: input.tokenRefusedStatus });
    case 'connection_mismatch':
    case 'provider_refused':
      return new Problem({ ...shown, status: 422 });
    case 'credentials_rejected':
      return new Problem({ ...shown, status: 502 });
    case 'provider_unavailable':
    case 'interrupted':
      return unavailable({ ...shown, code: problem.code });
    default:
      return problem.code satisfies never;
  }
}
