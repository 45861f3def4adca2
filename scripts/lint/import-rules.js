// Which layer may import what, and the lint rule that enforces it. The rules keep workflows replayable (no I/O in
// reach), the API light (no native worker), each channel removable, and the sandboxes independent of src.
import { dirname, posix, relative, resolve } from 'node:path';

/** What nearly every layer may use. Not the domain and the workflows: theirs is the workflow sandbox's own logger. */
const shared = ['src/logger'];

/**
 * `own`: path prefixes inside the project, without those of `notOwn`. `types`: further ones for `import type` only. `node`: Node's built-ins.
 * `packages`: the only ones allowed, or `not`: any but these, `also`: exceptions from `not`.
 */
export const layers = [
  { from: 'src/domain/', own: ['src/domain/'], node: false, packages: [] },
  {
    from: 'src/workflows/',
    own: ['src/workflows/', 'src/domain/'],
    types: ['src/activities/'],
    node: false,
    packages: ['@temporalio/workflow', '@temporalio/common'],
  },
  {
    from: 'src/process/',
    own: ['src/process/', 'src/domain/', ...shared],
    node: true,
    not: ['@temporalio', 'express', 'pg'],
  },
  { from: 'src/crypto/', own: ['src/crypto/', 'src/domain/'], node: true, packages: ['@node-rs/argon2'] },
  {
    from: 'src/clients/',
    own: ['src/clients/', 'src/domain/', 'src/crypto/', ...shared],
    node: true,
    not: ['@temporalio', 'express', 'pg'],
  },
  {
    from: 'src/db/',
    own: ['src/db/', 'src/domain/', 'src/crypto/', ...shared],
    node: true,
    not: ['@temporalio', 'express'],
  },
  {
    from: 'src/activities/',
    own: ['src/activities/', 'src/domain/', 'src/clients/', 'src/db/', 'src/crypto/', ...shared],
    types: ['src/temporal/'],
    node: true,
    not: ['@temporalio', 'express'],
    also: ['@temporalio/activity', '@temporalio/common'],
  },
  {
    from: 'src/temporal/',
    own: ['src/temporal/', 'src/domain/', 'src/crypto/', ...shared],
    messages: true,
    types: ['src/workflows/'],
    node: true,
    not: ['@temporalio', 'express', 'pg'],
    also: ['@temporalio/client', '@temporalio/common', '@temporalio/proto'],
    typePackages: ['@temporalio/worker'],
  },
  ...['src/api/', 'src/pages/'].map((from) => ({
    from,
    own: ['src/api/', 'src/pages/', 'src/domain/', 'src/db/', 'src/crypto/', ...shared],
    exact: [
      /^src\/temporal\/((rutter|sage-banking)\/)?facade$/,
      /^src\/temporal\/(calls|codec-json)$/,
      /^src\/clients\/[^/]+\/schemas$/,
    ],
    node: true,
    not: ['@temporalio'],
  })),
  // Local commands may use database and Temporal, like an entry point; the registries keep the channels apart.
  { from: 'src/cli/local/', own: ['src/'], node: true, not: ['express'] },
  {
    from: 'src/cli/',
    own: ['src/cli/', 'src/domain/'],
    notOwn: ['src/cli/local/'],
    node: true,
    not: ['@temporalio', 'express', 'pg'],
  },
  { from: 'sandbox/', own: ['sandbox/'], node: true, not: ['@temporalio'] },
];

/** They connect the parts, and are the only readers of src/config.ts. */
export const entryPoints = [
  'worker.ts',
  'src/api/server.ts',
  'src/cli/main.ts',
  'src/db/migrate.ts',
  'sandbox/main.ts',
];

/** Shared files that name both channels: the registry of each layer, and the workflow bundle's list. */
const registries = [/^src\/([^/]+\/|cli\/local\/)?channels\.ts$/, /^src\/workflows\/index\.ts$/];

/** Shared files that import a channel. The list stays empty; an entry is a mistake in the design. */
export const channelExceptions = [];

const channelOf = (path) => /^src\/(?:.*\/)?(rutter|sage-banking)\//.exec(path)?.[1];
const within = (path, prefixes) => prefixes.some((prefix) => path.startsWith(prefix));
const isPackage = (source, names) => names.some((name) => source === name || source.startsWith(`${name}/`));
const projectPath = (root, file) => relative(root, file).split('\\').join('/');

/** Why this import is not allowed from this file, or undefined. */
function findViolation({ file, root, source, typeOnly }) {
  const path = projectPath(root, file);
  if (entryPoints.includes(path)) return undefined;
  const target = source.startsWith('.') ? projectPath(root, resolve(dirname(file), source)) : undefined;
  return (
    (target === undefined ? undefined : findChannelViolation(path, target)) ??
    findLayerViolation({ path, source, target, typeOnly })
  );
}

function findChannelViolation(path, target) {
  const to = channelOf(target);
  const from = channelOf(path);
  if (to === undefined || to === from || !path.startsWith('src/')) return undefined;
  if (channelExceptions.includes(path)) return undefined;
  if (from !== undefined) return `the channel ${from} does not import the channel ${to}`;
  if (registries.some((pattern) => pattern.test(path))) return undefined;
  return `shared code does not import the channel ${to}: pass what it needs through the registry`;
}

function findLayerViolation({ path, source, target, typeOnly }) {
  const layer = layers.find((candidate) => path.startsWith(candidate.from));
  if (layer === undefined) return undefined;
  if (target !== undefined) return findProjectViolation(layer, target, typeOnly);
  if (source.startsWith('node:')) return layer.node ? undefined : `${layer.from} uses no Node built-ins`;
  const allowed =
    layer.packages === undefined
      ? !isPackage(source, layer.not) || isPackage(source, layer.also ?? [])
      : isPackage(source, layer.packages);
  if (allowed || (typeOnly && isPackage(source, layer.typePackages ?? []))) return undefined;
  return `${layer.from} does not use ${source}`;
}

function findProjectViolation(layer, target, typeOnly) {
  const module = target.replace(/\.(js|ts)$/, '');
  if (
    (within(target, layer.own) && !within(target, layer.notOwn ?? [])) ||
    (layer.exact ?? []).some((pattern) => pattern.test(module))
  )
    return undefined;
  if (layer.messages && /^src\/workflows\/.*\bmessages$/.test(module)) return undefined;
  if (typeOnly && (within(target, layer.types ?? []) || (module === 'src/config' && layer.node)))
    return undefined;
  return `${layer.from} does not import ${posix.dirname(target)}/`;
}

export const importRules = {
  meta: {
    type: 'problem',
    schema: [],
    messages: { forbidden: 'Import rule: {{why}} (scripts/lint/import-rules.js).' },
  },
  create(context) {
    const check = (node, typeOnly) => {
      const source = node?.source?.value;
      if (typeof source !== 'string') return;
      const why = findViolation({ file: context.filename, root: context.cwd, source, typeOnly });
      if (why !== undefined) context.report({ node, messageId: 'forbidden', data: { why } });
    };
    return {
      ImportDeclaration: (node) => check(node, node.importKind === 'type'),
      ExportNamedDeclaration: (node) => check(node, node.exportKind === 'type'),
      ExportAllDeclaration: (node) => check(node, node.exportKind === 'type'),
      ImportExpression: (node) => check(node, false),
    };
  },
};
