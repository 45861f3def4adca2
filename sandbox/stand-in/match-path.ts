/**
 * The named parts of `path` when it matches `pattern` (`:name` matches one segment), else undefined. With
 * `ignoreCase` the fixed parts match in any case; the named ones keep theirs.
 */
export function matchPath(
  pattern: string,
  path: string,
  { ignoreCase = false } = {},
): Record<string, string> | undefined {
  const expectedParts = pattern.split('/');
  const parts = path.split('/');
  if (expectedParts.length !== parts.length) return undefined;
  const params: Record<string, string> = {};
  for (const [index, expected] of expectedParts.entries()) {
    const part = parts[index] ?? '';
    if (expected.startsWith(':')) params[expected.slice(1)] = part;
    else if (!isSame(expected, part, ignoreCase)) return undefined;
  }
  return params;
}

function isSame(expected: string, part: string, ignoreCase: boolean): boolean {
  return ignoreCase ? expected.toLowerCase() === part.toLowerCase() : expected === part;
}
