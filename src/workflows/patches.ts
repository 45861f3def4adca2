/**
 * The ids of the workflows' patches, each with its date and the condition of its removal. None exists: nothing has been
 * released. The rules:
 *
 * - A change of the order of commands (an activity, timer, child or search attribute added, removed or moved) needs a
 *   patch here, or the replay of the saved histories (`test/replay/histories`) fails.
 * - A workflow reads a patch once, at its top, into a constant.
 * - When all runs have been renewed (30 days), `patched` becomes `deprecatePatch`; when they are renewed again and retention has
 *   passed, it is deleted.
 *
 * Deployments are described in `docs/decisions/0013-deploying-with-feeds-under-way.md`.
 */
export const patches = {} as const satisfies Record<string, string>;
