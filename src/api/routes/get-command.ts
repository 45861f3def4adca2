import { z } from 'zod';
import { readCommand } from '../../db/commands.js';
import type { ApiChannels } from '../channel.js';
import { commandJson, commandSchema } from '../command-json.js';
import { defineRoute } from '../define-route.js';
import { nothing, uuid } from '../fields.js';
import { notFound } from '../problem.js';

/** A command whose provider took longer to answer than its call waited. */
export function getCommand(channels: ApiChannels) {
  return defineRoute({
    method: 'get',
    path: '/v1/commands/{command_id}',
    roles: ['core', 'ops'],
    resource: 'command',
    summary: 'Read the state and result of a command',
    params: z.strictObject({ command_id: uuid }),
    query: nothing,
    answers: { 200: { description: 'The command', schema: commandSchema(channels) } },
    handle: async ({ deps, params }) => {
      const command = await readCommand(deps.pool, { commandId: params.command_id });
      if (command === null) throw notFound('command');
      return { status: 200, body: commandJson(command) };
    },
  });
}
