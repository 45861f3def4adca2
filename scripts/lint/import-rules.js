// The import walls of this project as one table, and the lint rule that holds them. A wall keeps workflows replayable
// (no I/O in reach), the API light (no native worker) and the sandboxes honest (no mistake shared with src).
import { dirname, posix, relative, resolve } from 'node:path';

/** What nearly everyone may use. Not the domain and the workflows: theirs is the workflow sandbox's own logger. */
const SHARED = ['src/logger', 'src/metrics'];

/**
 * `own`: path prefixes inside the project. `types`: further ones for `import type` only. `node`: Node's built-ins.
 * `packages`: the only ones allowed, or `not`: any but these. `typePackages`: further ones for `import type` only.
 */
export const walls = [
  { from: 'src/domain/', own: ['src/domain/'], node: false, packages: ['big.js', 'temporal-polyfill'] },
  {
    from: 'src/workflows/',
    own: ['src/workflows/', 'src/domain/'],
    types: ['src/activities/'],
    node: false,
    packages: ['@temporalio/workflow', '@temporalio/common'],
  },
  { from: 'src/crypto/', own: ['src/crypto/', 'src/domain/'], node: true, packages: ['@node-rs/argon2'] },
  {
    from: 'src/clients/',
    own: ['src/clients/', 'src/domain/', 'src/crypto/', ...SHARED],
    node: true,
    not: ['@temporalio', 'express', 'pg'],
  },
  {
    from: 'src/db/',
    own: ['src/db/', 'src/domain/', 'src/crypto/', ...SHARED],
    node: true,
    not: ['@temporalio', 'express'],
  },
  {
    from: 'src/activities/',
    own: ['src/activities/', 'src/domain/', 'src/clients/', 'src/db/', 'src/crypto/', ...SHARED],
    types: ['src/temporal/facade', 'src/temporal/sage-facade'],
    node: true,
    not: ['@temporalio', 'express'],
    also: ['@temporalio/activity', '@temporalio/common'],
  },
  {
    from: 'src/temporal/',
    own: ['src/temporal/', 'src/domain/', 'src/crypto/', ...SHARED],
    messages: true,
    types: ['src/workflows/'],
    node: true,
    not: ['@temporalio', 'express', 'pg'],
    also: ['@temporalio/client', '@temporalio/common', '@temporalio/proto'],
    typePackages: ['@temporalio/worker'],
  },
  ...['src/api/', 'src/pages/'].map((from) => ({
    from,
    own: ['src/api/', 'src/pages/', 'src/domain/', 'src/db/', 'src/crypto/', ...SHARED],
    exact: [/^src\/temporal\/(facade|sage-facade|calls|codec-json)$/, /^src\/clients\/[^/]+\/schemas$/],
    node: true,
    not: ['@temporalio'],
  })),
  { from: 'src/cli/', own: ['src/cli/', 'src/domain/'], node: true, not: ['@temporalio', 'pg', 'express'] },
  { from: 'sandbox/', own: ['sandbox/'], node: true, not: ['@temporalio'] },
];

/** They wire the parts together, and are the only readers of src/config.ts. */
export const entryPoints = [
  'worker.ts',
  'src/api/server.ts',
  'src/db/migrate.ts',
  'src/cli/main.ts',
  'sandbox/main.ts',
];

const within = (path, prefixes) => prefixes.some((prefix) => path.startsWith(prefix));
const isPackage = (source, names) => names.some((name) => source === name || source.startsWith(`${name}/`));

/** Why this import is not allowed from this file, or undefined. */
function objection({ file, root, source, typeOnly }) {
  const path = relative(root, file).split('\\').join('/');
  if (entryPoints.includes(path)) return undefined;
  const wall = walls.find((candidate) => path.startsWith(candidate.from));
  if (wall === undefined) return undefined;
  if (source.startsWith('node:')) return wall.node ? undefined : `${wall.from} uses no Node built-ins`;
  if (source.startsWith('.')) return ownObjection(wall, { path, source, root, file, typeOnly });
  const allowed =
    wall.packages === undefined
      ? !isPackage(source, wall.not) || isPackage(source, wall.also ?? [])
      : isPackage(source, wall.packages);
  if (allowed || (typeOnly && isPackage(source, wall.typePackages ?? []))) return undefined;
  return `${wall.from} does not use ${source}`;
}

function ownObjection(wall, { source, root, file, typeOnly }) {
  const target = relative(root, resolve(dirname(file), source))
    .split('\\')
    .join('/');
  const bare = target.replace(/\.(js|ts)$/, '');
  if (within(target, wall.own) || (wall.exact ?? []).some((pattern) => pattern.test(bare))) return undefined;
  if (wall.messages && /^src\/workflows\/.*\bmessages$/.test(bare)) return undefined;
  if (typeOnly && (within(target, wall.types ?? []) || (bare === 'src/config' && wall.node)))
    return undefined;
  return `${wall.from} does not reach ${posix.dirname(target)}/`;
}

export const importWalls = {
  meta: {
    type: 'problem',
    schema: [],
    messages: { wall: 'Import wall: {{why}} (scripts/lint/import-rules.js).' },
  },
  create(context) {
    const check = (node, typeOnly) => {
      const source = node?.source?.value;
      if (typeof source !== 'string') return;
      const why = objection({ file: context.filename, root: context.cwd, source, typeOnly });
      if (why !== undefined) context.report({ node, messageId: 'wall', data: { why } });
    };
    return {
      ImportDeclaration: (node) => check(node, node.importKind === 'type'),
      ExportNamedDeclaration: (node) => check(node, node.exportKind === 'type'),
      ExportAllDeclaration: (node) => check(node, node.exportKind === 'type'),
      ImportExpression: (node) => check(node, false),
    };
  },
};
