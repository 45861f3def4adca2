import type { Queryable } from './pool.js';
import type { SageCommandInput, SageCommandResult } from './sage-banking/command-types.js';
import { storableJson } from './storable-json.js';

/**
 * Commands: something asked of a provider on behalf of an API caller or a page. The row is the order, the receipt and
 * the answer; a secret that it needs is sealed for `{table: 'commands', row: commandId}` and cleared at the end.
 */

export const rutterCommandKinds = [
  'create_connection',
  'exchange_public_token',
  'adopt_connection',
  'resync_feed',
] as const;
export type RutterCommandKind = (typeof rutterCommandKinds)[number];

/** What is asked of Sage's Banking Service and has no workflow of its own. */
export const sageCommandKinds = [
  'sage_list_banks',
  'sage_list_rules',
  'sage_get_rule',
  'sage_create_rule',
  'sage_replace_rule',
  'sage_amend_rule',
  'sage_delete_rule',
  'sage_dry_run_rule',
  'sage_list_restorable_rules',
  'sage_restore_rules',
] as const;
export type SageCommandKind = (typeof sageCommandKinds)[number];

export type CommandKind = RutterCommandKind | SageCommandKind;
export type CommandState = 'running' | 'done' | 'failed';

/**
 * Input by kind: `create_connection` {name?}, `adopt_connection` {rutter_connection_id}, `resync_feed` {feed_id, from,
 * dry_run}, `sage_…` as `SageCommandInput` says, else {}. No secrets.
 */
export interface CommandInput extends SageCommandInput {
  readonly name?: string;
  readonly rutter_connection_id?: string;
  readonly feed_id?: string;
  readonly from?: string;
  readonly dry_run?: boolean;
}

/** What a caller gets. */
export type CommandResult = ConnectionResult | ResyncResult | SageCommandResult;

/** What a resync found, and without `dry_run` did. Instants are ISO text in UTC. */
export interface ResyncResult {
  readonly feed_id: string;
  readonly from: string;
  /** `from`, or the feed's start date when that is later. */
  readonly effective_from: string;
  /** Postings that our completed batches call delivered. */
  readonly compared: number;
  /** Those of them that Rutter's list has. */
  readonly at_rutter: number;
  /** Those of them that it has not, checked twice: sent again. */
  readonly gap: number;
  /** Postings that are to be sent in any case. */
  readonly already_waiting: number;
  /** Those of them that Rutter has already: they come back as duplicates and count as delivered. */
  readonly known_at_rutter: number;
  /** The first 1000 of the gap. */
  readonly transaction_ids: readonly string[];
  readonly first_posted_at: string | null;
  readonly last_posted_at: string | null;
  readonly dry_run: boolean;
}

/** A connection, never its token. */
export interface ConnectionResult {
  readonly connection_id: string;
  readonly platform: string;
  /** Our fact: ok, refused, unavailable. */
  readonly status: string;
  readonly link_url: string | null;
}

export type CommandProblemCode =
  /** Rutter's connection belongs to another customer of ours. */
  | 'connection_taken'
  /** The token belongs to another connection than the one named. */
  | 'connection_mismatch'
  /** The provider does not accept the token of the connection or company. */
  | 'token_refused'
  /** The provider said no; the message has its words. */
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
  /** A later command has changed the same rule: whether this one did before is unknown, and it is not sent again. */
  | 'superseded'
  /** More than we compare in one go. */
  | 'list_too_long';

export interface CommandProblem {
  readonly code: CommandProblemCode;
  /** For people: the provider's words, redacted, where there are any. */
  readonly message: string;
}

export interface CommandRow {
  readonly commandId: string;
  readonly customerId: string | null;
  readonly kind: CommandKind;
  readonly input: CommandInput;
  readonly secretSealed: string | null;
  readonly providerKey: string;
  readonly state: CommandState;
  readonly result: CommandResult | null;
  readonly problem: CommandProblem | null;
  readonly createdAt: string;
  readonly finishedAt: string | null;
}

interface RawCommand {
  command_id: string;
  customer_id: string | null;
  kind: CommandKind;
  input: CommandInput;
  secret_sealed: string | null;
  provider_key: string;
  state: CommandState;
  result: CommandResult | null;
  problem: CommandProblem | null;
  created_at: string;
  finished_at: string | null;
}

/** Stores a command, to be run by its workflow. An id that is stored already changes nothing. */
export async function insertCommand(
  db: Queryable,
  input: {
    commandId: string;
    /** Null where it is about no customer: banks. */
    customerId: string | null;
    kind: CommandKind;
    input: CommandInput;
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
  const { rows } = await db.query<RawCommand>(
    `SELECT command_id, customer_id, kind, input, secret_sealed, provider_key, state, result, problem, created_at,
            finished_at
       FROM commands WHERE command_id = $1`,
    [input.commandId],
  );
  const raw = rows[0];
  if (raw === undefined) return null;
  return {
    commandId: raw.command_id,
    customerId: raw.customer_id,
    kind: raw.kind,
    input: raw.input,
    secretSealed: raw.secret_sealed,
    providerKey: raw.provider_key,
    state: raw.state,
    result: raw.result,
    problem: raw.problem,
    createdAt: raw.created_at,
    finishedAt: raw.finished_at,
  };
}

/** Ends a running command with its result; an ended one stays as it is. Answers the state it stands in. */
export async function finishCommand(
  db: Queryable,
  input: { commandId: string; result: CommandResult },
): Promise<CommandState> {
  return endCommand(db, { commandId: input.commandId, state: 'done', result: input.result, problem: null });
}

/** Ends a running command with a problem; an ended one stays as it is. Answers the state it stands in. */
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
    result: CommandResult | null;
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
