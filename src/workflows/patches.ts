/**
 * Every patch id of the workflows, with the day it came and what must be true before it may go: all runs renewed
 * (30 days) before `patched` becomes `deprecatePatch`, renewed again and retention passed before it is deleted.
 * Read a patch once, at the top of the workflow, into a constant. There is none yet.
 */
export const patches = {} as const satisfies Record<string, string>;
