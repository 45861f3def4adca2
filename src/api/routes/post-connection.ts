import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { sha256Hex } from '../../crypto/hash.js';
import { seal } from '../../crypto/seal.js';
import { insertCommand, readCommand, type CommandInput, type CommandKind } from '../../db/commands.js';
import { readCustomer } from '../../db/customers.js';
import { limits } from '../../domain/limits.js';
import { commandJson, commandProblem, commandSchema, connectionResultSchema } from '../command-json.js';
import { defineRoute, type RouteAnswer } from '../define-route.js';
import type { ApiDeps } from '../deps.js';
import { customerId, nothing, textField } from '../fields.js';
import type { IdempotencySeed } from '../idempotency.js';
import { pollRow } from '../poll-row.js';
import { notFound } from '../problem.js';

/** So long a call waits for a provider's answer before it hands out the command. */
const answeredWithinMs = 20_000;
const bodyBytesMax = 64 * 1024;

const token = textField(limits.idLengthMax);

const connectionBody = z
  .strictObject({
    name: textField(limits.nameLengthMax)
      .optional()
      .meta({ description: 'Creates a connection at Rutter; the name is kept here, for people.' }),
    public_token: token.optional().meta({ description: "Exchanges Rutter Link's token.", writeOnly: true }),
    rutter_connection_id: token.optional().meta({ description: 'Adopts an existing connection, with:' }),
    access_token: token.optional().meta({ writeOnly: true }),
  })
  .superRefine((body, context) => {
    const given = Object.keys(body).sort().join(' ');
    if (['', 'name', 'public_token', 'access_token rutter_connection_id'].includes(given)) return;
    context.addIssue({
      code: 'custom',
      message: 'must be {name?}, {public_token}, or {rutter_connection_id, access_token}',
    });
  })
  .meta({
    id: 'ConnectionInput',
    description: 'One of `{name?}`, `{public_token}`, `{rutter_connection_id, access_token}`.',
  });

type ConnectionBody = z.output<typeof connectionBody>;

/** Creates, exchanges or adopts a connection, as a command that its workflow runs. */
export const postConnection = defineRoute({
  method: 'post',
  path: '/v1/customers/{customer_id}/connections',
  roles: ['core'],
  resource: 'customer',
  summary: 'Tie a customer to a Sage company',
  description:
    'Waits for Rutter up to 20 s, then answers 202 with the command. Without an `Idempotency-Key` each call makes a new connection. A token never comes back.',
  params: z.strictObject({ customer_id: customerId }),
  query: nothing,
  body: { schema: connectionBody, bytesMax: bodyBytesMax },
  answers: {
    201: { description: 'Connected', schema: connectionResultSchema },
    202: { description: 'Still running: read the command at `Location`', schema: commandSchema },
  },
  handle: async ({ deps, params, body, seed }) => {
    const customer = await readCustomer(deps.pool, { customerId: params.customer_id });
    if (customer === null) throw notFound('customer');
    const commandId = seed === null ? randomUUID() : commandIdFrom(seed);
    const command = commandOf(body);
    await insertCommand(deps.pool, {
      commandId,
      customerId: customer.customerId,
      kind: command.kind,
      input: command.input,
      secretSealed:
        command.secret === null
          ? null
          : seal(deps.keyring, command.secret, { table: 'commands', row: commandId }),
    });
    await deps.facade.runCommand({ commandId });
    return await awaitCommand(deps, commandId);
  },
});

async function awaitCommand(deps: ApiDeps, commandId: string): Promise<RouteAnswer> {
  const command = await pollRow({
    read: () => readCommand(deps.pool, { commandId }),
    done: (row) => row === null || row.state !== 'running',
    timeoutMs: answeredWithinMs,
  });
  if (command === null) throw notFound('command');
  if (command.state === 'done') return { status: 201, body: command.result };
  if (command.problem !== null) throw commandProblem(command.problem, commandId);
  return {
    status: 202,
    body: commandJson(command),
    headers: { Location: `/v1/commands/${commandId}` },
  };
}

interface WantedCommand {
  readonly kind: CommandKind;
  readonly input: CommandInput;
  readonly secret: string | null;
}

function commandOf(body: ConnectionBody): WantedCommand {
  if (body.public_token !== undefined) {
    return { kind: 'exchange_public_token', input: {}, secret: body.public_token };
  }
  if (body.rutter_connection_id !== undefined && body.access_token !== undefined) {
    const input = { rutter_connection_id: body.rutter_connection_id };
    return { kind: 'adopt_connection', input, secret: body.access_token };
  }
  return {
    kind: 'create_connection',
    input: body.name === undefined ? {} : { name: body.name },
    secret: null,
  };
}

/** The same request under the same key is the same command, also when the first call died before its answer. */
function commandIdFrom(seed: IdempotencySeed): string {
  const hex = sha256Hex(`command ${seed}`);
  // Version 8: a UUID of our own making (RFC 9562).
  const variant = ((Number.parseInt(hex.slice(16, 18), 16) & 0x3f) | 0x80).toString(16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(18, 20)}-${hex.slice(20, 32)}`;
}
