import { readCommand } from '../commands.js';
import type { SageCommandKind, SageCommandRow, SageRuleAuthor } from './command-types.js';
import type { Queryable } from '../pool.js';

/** Commands of Sage's channel: no idempotency keys protect their writes, and many only read. */

/** The command, or null when there is none. Whether its kind is of this channel is checked by the caller. */
export async function readSageCommand(
  db: Queryable,
  input: { commandId: string },
): Promise<SageCommandRow | null> {
  return (await readCommand(db, input)) as SageCommandRow | null;
}

/**
 * Records that a write that no idempotency key protects is about to be sent. Answers whether one was sent before: its
 * answer is lost, and its effect has to be checked before another.
 */
export async function markCommandSent(
  db: Queryable,
  input: { commandId: string },
): Promise<{ again: boolean }> {
  const { rows } = await db.query<{ again: boolean }>(
    `WITH before AS (SELECT sent_at FROM commands WHERE command_id = $1 FOR UPDATE)
     UPDATE commands SET sent_at = coalesce(before.sent_at, now()) FROM before
      WHERE command_id = $1 RETURNING before.sent_at IS NOT NULL AS again`,
    [input.commandId],
  );
  return { again: rows[0]?.again ?? false };
}

/** Whether the command's write was sent, or may have been. */
export async function isCommandSent(db: Queryable, input: { commandId: string }): Promise<boolean> {
  const { rows } = await db.query(`SELECT 1 FROM commands WHERE command_id = $1 AND sent_at IS NOT NULL`, [
    input.commandId,
  ]);
  return rows.length > 0;
}

const changingKinds: readonly SageCommandKind[] = ['sage_replace_rule', 'sage_amend_rule'];

/** Whether a later command has changed the same rule, or is about to; one that failed has not. */
export async function isRuleChangedLater(
  db: Queryable,
  input: { commandId: string; sageAccountId: string; ruleId: string },
): Promise<boolean> {
  const { rows } = await db.query(
    `SELECT 1 FROM commands WHERE created_at > (SELECT created_at FROM commands WHERE command_id = $1)
        AND kind = ANY ($2) AND state <> 'failed' AND input ->> 'sage_account_id' = $3 AND input ->> 'rule_id' = $4
      LIMIT 1`,
    [input.commandId, changingKinds, input.sageAccountId, input.ruleId],
  );
  return rows.length > 0;
}

/** Locks a command until the transaction ends. False: it has ended, and its result is recorded. */
export async function lockRunningCommand(db: Queryable, input: { commandId: string }): Promise<boolean> {
  const { rows } = await db.query(
    `SELECT 1 FROM commands WHERE command_id = $1 AND state = 'running' FOR UPDATE`,
    [input.commandId],
  );
  return rows.length > 0;
}

/** The newest command that has changed a rule, with its result; null when none of the last ones is about it. */
export async function readLastRuleChange(
  db: Queryable,
  input: { sageAccountId: string; ruleId: string },
): Promise<{ by: SageRuleAuthor | null; at: string; rule: object } | null> {
  const { rows } = await db.query<{ by: SageRuleAuthor | null; at: string; rule: object }>(
    `SELECT input ->> 'by' AS by, finished_at AS at, result AS rule FROM commands
      WHERE kind = ANY ($1) AND state = 'done' AND input ->> 'sage_account_id' = $2
        AND (input ->> 'rule_id' = $3 OR result ->> 'ruleId' = $3)
      ORDER BY finished_at DESC LIMIT 1`,
    [[...changingKinds, 'sage_create_rule'], input.sageAccountId, input.ruleId],
  );
  return rows[0] ?? null;
}

const readingKinds: readonly SageCommandKind[] = [
  'sage_list_banks',
  'sage_list_rules',
  'sage_get_rule',
  'sage_dry_run_rule',
  'sage_list_restorable_rules',
  'sage_list_candidates',
];
/** Such an answer is not needed later: it can be read again. */
const readingsKeptDays = 1;
const deletedAtOnceMax = 1_000;

/** Removes ended commands that only read, some at a time; answers how many. */
export async function deleteOldReadings(db: Queryable): Promise<number> {
  const { rowCount } = await db.query(
    `DELETE FROM commands WHERE command_id IN (
       SELECT command_id FROM commands
        WHERE created_at < now() - make_interval(days => $1) AND state <> 'running' AND kind = ANY ($2)
        ORDER BY created_at LIMIT $3)`,
    [readingsKeptDays, readingKinds, deletedAtOnceMax],
  );
  return rowCount ?? 0;
}
