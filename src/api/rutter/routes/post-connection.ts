import { insertCommand } from '../../../db/commands.js';
import type { RutterCommandInput, RutterCommandKind } from '../../../db/rutter/commands.js';
import { z } from 'zod';
import { seal } from '../../../crypto/seal.js';
import { readCustomer } from '../../../db/customers.js';
import { limits } from '../../../domain/limits.js';
import { awaitCommand, commandIdOf } from '../../await-command.js';
import { connectionResultSchema } from '../command-json.js';
import { defineRutterRoute } from '../define-route.js';
import { customerId, nothing, textField } from '../../fields.js';
import { notFound } from '../../problem.js';

const bodyBytesMax = 64 * 1024;

const token = textField(limits.idLengthMax);

const connectionBody = z
  .strictObject({
    name: textField(limits.nameLengthMax)
      .optional()
      .meta({ description: 'Creates a connection at Rutter; the name is kept here, for display.' }),
    platform: z
      .string()
      .max(limits.nameLengthMax)
      .regex(/^(any|[A-Z][A-Z0-9_]*)$/, 'must be a platform of Rutter such as SAGE_BANK_FEEDS, or any')
      .optional()
      .meta({
        description:
          'Of the new connection, instead of `RUTTER_PLATFORM`. `any`: the customer picks it in Rutter Link, at `link_url`, before the connection can be used; so it is for every platform with `RUTTER_CONNECTION_MODE=link`, where it only preselects.',
        example: 'SAGE_BANK_FEEDS',
      }),
    public_token: token
      .optional()
      .meta({ description: 'Exchanges a token of Rutter Link.', writeOnly: true }),
    rutter_connection_id: token.optional().meta({ description: 'Adopts an existing connection, with:' }),
    access_token: token.optional().meta({ writeOnly: true }),
  })
  .superRefine((body, context) => {
    const given = Object.keys(body).sort().join(' ');
    if (
      ['', 'name', 'platform', 'name platform', 'public_token', 'access_token rutter_connection_id'].includes(
        given,
      )
    )
      return;
    context.addIssue({
      code: 'custom',
      message: 'must be {name?, platform?}, {public_token}, or {rutter_connection_id, access_token}',
    });
  })
  .meta({
    id: 'ConnectionInput',
    description: 'One of `{name?, platform?}`, `{public_token}`, `{rutter_connection_id, access_token}`.',
  });

type ConnectionBody = z.output<typeof connectionBody>;

/** Creates, exchanges or adopts a connection, as a command that its workflow runs. */
export const postConnection = defineRutterRoute({
  method: 'post',
  path: '/v1/customers/{customer_id}/connections',
  roles: ['core'],
  resource: 'customer',
  summary: 'Connect a customer to a Sage company',
  description:
    'Waits for Rutter up to 20 s, then answers 202 with the command. Without an `Idempotency-Key` each call creates a new connection. Tokens are never returned.',
  params: z.strictObject({ customer_id: customerId }),
  query: nothing,
  body: { schema: connectionBody, bytesMax: bodyBytesMax },
  runsCommand: true,
  answers: {
    201: { description: 'Connected', schema: connectionResultSchema },
  },
  handle: async ({ deps, params, body, seed }) => {
    const customer = await readCustomer(deps.pool, { customerId: params.customer_id });
    if (customer === null) throw notFound('customer');
    const commandId = commandIdOf(seed);
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
    await deps.facade.runCommand({ commandId, channel: 'rutter' });
    return await awaitCommand(deps, { commandId, doneStatus: 201, tokenRefusedStatus: 422 });
  },
});

interface WantedCommand {
  readonly kind: RutterCommandKind;
  readonly input: RutterCommandInput;
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
    input: {
      ...(body.name === undefined ? {} : { name: body.name }),
      ...(body.platform === undefined ? {} : { platform: body.platform }),
    },
    secret: null,
  };
}
