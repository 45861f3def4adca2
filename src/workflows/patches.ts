/**
 * Every patch id of the workflows, with the day it came and what must be true before it may go: all runs renewed
 * (30 days) before `patched` becomes `deprecatePatch`, renewed again and retention passed before it is deleted.
 * Read a patch once, at the top of the workflow, into a constant.
 *
 * The histories of every state of a feed's life are recorded (`test/replay/histories`): from now on every change of the
 * order of commands (an activity, timer, child or search attribute added, removed or moved) stands here as a patch, or
 * the replay fails. How a deployment goes: `docs/decisions/0013-deploying-with-feeds-under-way.md`.
 */
export const patches = {
  /**
   * 2026-11-21: the repair job checks after the channel of Sage's Banking Service, too. Its runs are seconds long, so a minute
   * after every worker has this code `deprecatePatch` may follow.
   */
  sageRepair: 'sage-sweep',
} as const satisfies Record<string, string>;
