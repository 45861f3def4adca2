/**
 * The ids of the workflows' patches, each with its date and the condition of its removal. The rules:
 *
 * - A change of the order of commands (an activity, timer, child or search attribute added, removed or moved) needs a
 *   patch here, or the replay of the saved histories (`test/replay/histories`) fails.
 * - A workflow reads a patch once, at its top, into a constant. What happens after a message that older code does not know
 *   is read there instead: so it is there for the runs that exist, and a replay of a history in which older code received
 *   the message takes the old branch.
 * - When all runs have been renewed (30 days), `patched` becomes `deprecatePatch`; when they are renewed again and retention has
 *   passed, it is deleted.
 *
 * Deployments are described in `docs/decisions/0013-deploying-with-feeds-under-way.md`.
 */
export const patches = {
  /** 2026-11-30: a report of the activity under way is shown at once, and a request gives up the retry it waits for. */
  statusReported: 'status-reported',
  /**
   * 2026-11-30, version 0.3.0: the repair job checks handoffs and commands, too. Its runs last minutes at most: it may be
   * deprecated when the first version with it runs everywhere.
   */
  repairOfHandoffsAndCommands: 'repair-of-handoffs-and-commands',
} as const satisfies Record<string, string>;
