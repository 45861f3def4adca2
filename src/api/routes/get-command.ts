import { z } from 'zod';
import { readCommand } from '../../db/commands.js';
import { commandJson, commandSchema } from '../command-json.js';
import { defineRoute } from '../define-route.js';
import { nothing, uuid } from '../fields.js';
import { notFound } from '../problem.js';

/** A provider's answer that took longer than the call waited. */
export const getCommand = defineRoute({
  method: 'get',
  path: '/v1/commands/{command_id}',
  roles: ['core', 'ops'],
  resource: 'command',
  summary: 'What became of a command',
  params: z.strictObject({ command_id: uuid }),
  query: nothing,
  answers: { 200: { description: 'The command', schema: commandSchema } },
  handle: async ({ deps, params }) => {
    const command = await readCommand(deps.pool, { commandId: params.command_id });
    if (command === null) throw notFound('command');
    return { status: 200, body: commandJson(command) };
  },
});
