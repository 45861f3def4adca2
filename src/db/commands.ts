import type { Queryable } from './pool.js';
import { storableJson } from './storable-json.js';

/**
 * Commands: requests to a provider on behalf of an API caller or a page. The row holds the request, its state and
 * its result; a secret that it needs is sealed for `{table: 'commands', row: commandId}` and cleared at the end.
 */

export type CommandState = 'running' | 'done' | 'failed';

export type CommandProblemCode =
  /** Rutter's connection belongs to another customer of ours. */
  | 'connection_taken'
  /** The token belongs to another connection than the one named. */
  | 'connection_mismatch'
  /** The provider does not accept the token of the connection or company. */
  | 'token_refused'
  /** The provider refused the request; the message is its own. */
  | 'provider_refused'
  | 'credentials_rejected'
  /** The provider did not answer in time. Whether anything happened there is unknown; asking again is safe. */
  | 'provider_unavailable'
  /** The state of the feed or account does not allow it any more. */
  | 'wrong_state'
  /** The account at Sage has no such rule. */
  | 'rule_not_found'
  /** Another rule of the account has the name. */
  | 'rule_name_taken'
  /** The rule is not the one that the request is based on any more; nothing was sent. */
  | 'precondition_failed'
  /** A later command has changed the same rule: whether this one did before is unknown, and it is not sent again. */
  | 'superseded'
  /** More than we compare at once. */
  | 'list_too_long'
  /** It was ended before its outcome was known, by an operator or with Temporal's data; asking again is safe. */
  | 'interrupted';

export interface CommandProblem {
  readonly code: CommandProblemCode;
  /** For display: the provider's message, redacted, where there is one. */
  readonly message: string;
  /** For programs: by code. Never a secret. */
  readonly detail?: Readonly<Record<string, unknown>>;
}

/**
 * A command of any channel. Each channel names its kinds, with their inputs and results, in its own folder. `input` holds
 * no secrets.
 */
export interface CommandRow<
  Kind extends string = string,
  Input extends object = object,
  Result extends object = object,
> {
  readonly commandId: string;
  readonly customerId: string | null;
  readonly kind: Kind;
  readonly input: Input;
  readonly secretSealed: string | null;
  readonly providerKey: string;
  readonly state: CommandState;
  readonly result: Result | null;
  readonly problem: CommandProblem | null;
  readonly createdAt: string;
  readonly finishedAt: string | null;
}

/** Stores a command, to be run by its workflow. An id that is stored already changes nothing. */
export async function insertCommand(
  db: Queryable,
  input: {
    commandId: string;
    /** Null if it concerns no customer, such as a list of banks. */
    customerId: string | null;
    kind: string;
    input: object;
    secretSealed: string | null;
  },
): Promise<void> {
  await db.query(
    `INSERT INTO commands (command_id, customer_id, kind, input, secret_sealed, provider_key)
     VALUES ($1, $2, $3, $4, $5, gen_random_uuid()) ON CONFLICT (command_id) DO NOTHING`,
    [input.commandId, input.customerId, input.kind, JSON.stringify(input.input), input.secretSealed],
  );
}

/** The command, or null when there is none. */
export async function readCommand(db: Queryable, input: { commandId: string }): Promise<CommandRow | null> {
  const { rows } = await db.query<CommandRow>(
    `SELECT command_id AS "commandId", customer_id AS "customerId", kind, input, secret_sealed AS "secretSealed",
            provider_key AS "providerKey", state, result, problem, created_at AS "createdAt", finished_at AS "finishedAt"
       FROM commands WHERE command_id = $1`,
    [input.commandId],
  );
  return rows[0] ?? null;
}

export interface CommandToCheck {
  readonly commandId: string;
  readonly kind: string;
}

/** Running commands that are not young any more, by id; the page after `afterId`. */
export async function listCommandsToCheck(
  db: Queryable,
  input: { youngMs: number; afterId: string | null; limit: number },
): Promise<CommandToCheck[]> {
  const { rows } = await db.query<CommandToCheck>(
    `SELECT command_id AS "commandId", kind FROM commands
      WHERE state = 'running' AND created_at < now() - $1::float8 * interval '1 millisecond'
        AND ($2::uuid IS NULL OR command_id > $2)
      ORDER BY command_id LIMIT $3`,
    [input.youngMs, input.afterId, input.limit],
  );
  return rows;
}

/** Ends a running command with its result; an ended one stays as it is. Answers its state afterwards. */
export async function finishCommand(
  db: Queryable,
  input: { commandId: string; result: object },
): Promise<CommandState> {
  return endCommand(db, { commandId: input.commandId, state: 'done', result: input.result, problem: null });
}

/** Ends a running command with a problem; an ended one stays as it is. Answers its state afterwards. */
export async function failCommand(
  db: Queryable,
  input: { commandId: string; problem: CommandProblem },
): Promise<CommandState> {
  return endCommand(db, {
    commandId: input.commandId,
    state: 'failed',
    result: null,
    problem: input.problem,
  });
}

/** A new key in place of one whose final answer was a failure: under the old one Rutter would repeat that failure. */
export async function renewCommandKey(
  db: Queryable,
  input: { commandId: string; spentKey: string },
): Promise<void> {
  await db.query(
    `UPDATE commands SET provider_key = gen_random_uuid() WHERE command_id = $1 AND provider_key = $2`,
    [input.commandId, input.spentKey],
  );
}

async function endCommand(
  db: Queryable,
  input: {
    commandId: string;
    state: 'done' | 'failed';
    result: object | null;
    problem: CommandProblem | null;
  },
): Promise<CommandState> {
  const { rows } = await db.query<{ state: CommandState }>(
    `WITH ended AS (
       UPDATE commands SET state = $2, result = $3, problem = $4, secret_sealed = NULL, finished_at = now()
        WHERE command_id = $1 AND state = 'running' RETURNING state)
     SELECT state FROM ended UNION ALL
     SELECT state FROM commands WHERE command_id = $1 AND state <> 'running' AND NOT EXISTS (SELECT 1 FROM ended)`,
    [
      input.commandId,
      input.state,
      input.result === null ? null : storableJson(input.result),
      input.problem === null ? null : storableJson(input.problem),
    ],
  );
  return rows[0]?.state ?? input.state;
}
