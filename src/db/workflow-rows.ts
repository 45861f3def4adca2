import { providerCommandWorkflowId } from '../domain/ids.js';
import type { WorkflowRows } from './channel.js';
import type { Queryable } from './pool.js';

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Rows of a table whose key is a UUID. All arguments are text of our own, never input. */
export function uuidRows(type: string, idPrefix: string, table: string, key: string): WorkflowRows {
  const existingSql = `SELECT ${key}::text AS id FROM ${table} WHERE ${key} = ANY ($1::uuid[])`;
  return { type, idPrefix, idPattern: uuid, existingSql };
}

/** The rows of workflows that belong to no channel. */
export const sharedWorkflowRows: readonly WorkflowRows[] = [
  uuidRows('providerCommandWorkflow', providerCommandWorkflowId(''), 'commands', 'command_id'),
];

/** Of the ids, those without a row. */
export async function listWithoutRow(
  db: Queryable,
  input: { rows: WorkflowRows; ids: readonly string[] },
): Promise<Set<string>> {
  const { rows } = await db.query<{ id: string }>(input.rows.existingSql, [input.ids]);
  const existing = new Set(rows.map(({ id }) => id));
  return new Set(input.ids.filter((id) => !existing.has(id)));
}
