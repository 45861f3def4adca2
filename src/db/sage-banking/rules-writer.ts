import type { Queryable } from '../pool.js';

/**
 * One command at a time changes the rules of an account at Sage: between reading a rule and writing it, no other command of
 * ours comes in between. A claim ends by itself, so that a worker that died blocks nobody.
 */

/** Claims the account's rules for a command, or extends its claim. False: another command has them. */
export async function claimRulesWriter(
  db: Queryable,
  input: { sageAccountId: string; commandId: string; leaseMs: number },
): Promise<boolean> {
  const { rowCount } = await db.query(
    `UPDATE sage_accounts SET rules_writer = $2,
            rules_writer_until = clock_timestamp() + $3::float8 * interval '1 millisecond'
      WHERE sage_account_id = $1
        AND (rules_writer IS NULL OR rules_writer = $2 OR rules_writer_until < clock_timestamp())`,
    [input.sageAccountId, input.commandId, input.leaseMs],
  );
  return rowCount === 1;
}

/** Ends the claim of a command; one that another command has is not changed. */
export async function releaseRulesWriter(
  db: Queryable,
  input: { sageAccountId: string; commandId: string },
): Promise<void> {
  await db.query(
    `UPDATE sage_accounts SET rules_writer = NULL, rules_writer_until = NULL
      WHERE sage_account_id = $1 AND rules_writer = $2`,
    [input.sageAccountId, input.commandId],
  );
}
