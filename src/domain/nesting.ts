/**
 * Levels of lists and objects that a provider's answer may have: far more than any documented one. Writing JSON goes down
 * by recursion, here and in PostgreSQL, and fails beyond some thousand levels.
 */
export const answerNestingMax = 500;

type Parent = Record<string, unknown> | unknown[];

/**
 * Replaces what lies deeper than `levelsMax` by null, in place, and answers the value. Parsing has no such limit, so one
 * member that is nested too deeply would otherwise fail a later step.
 */
export function limitNesting(value: unknown, levelsMax: number = answerNestingMax): unknown {
  let level = isParent(value) ? [value] : [];
  for (let depth = 1; level.length > 0; depth += 1) {
    const next: Parent[] = [];
    for (const parent of level) {
      forEachParent(parent, (child, remove) => {
        if (depth < levelsMax) next.push(child);
        else remove();
      });
    }
    level = next;
  }
  return value;
}

/** Whether lists and objects go on for more than `levelsMax` levels, the value itself being the first. */
export function isNestedDeeper(value: unknown, levelsMax: number): boolean {
  if (!isParent(value)) return false;
  if (levelsMax === 0) return true;
  const children: readonly unknown[] = Array.isArray(value) ? value : Object.values(value);
  return children.some((child) => isNestedDeeper(child, levelsMax - 1));
}

/** Calls `visit` for each list and object directly below. */
function forEachParent(parent: Parent, visit: (child: Parent, remove: () => void) => void): void {
  if (Array.isArray(parent)) {
    for (let index = 0; index < parent.length; index += 1) {
      const child = parent[index];
      if (isParent(child)) visit(child, () => (parent[index] = null));
    }
    return;
  }
  for (const name of Object.keys(parent)) {
    const child = parent[name];
    // Defined, not assigned: assigning to a member called `__proto__` would change the prototype.
    if (isParent(child)) visit(child, () => Object.defineProperty(parent, name, { value: null }));
  }
}

function isParent(value: unknown): value is Parent {
  return typeof value === 'object' && value !== null;
}
