// The lint rule against import cycles. It counts `import type` too: a type-only cycle is harmless at run time, and still
// means that two modules cannot be read, moved or tested one without the other.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';
import ts from 'typescript';

/** Imports of the files read so far, by path: one run of the linter reads each file once. */
const importsByFile = new Map();

/** The project's own files that this text imports, statically or dynamically, as absolute paths. */
function importsIn(file, text) {
  return ts
    .preProcessFile(text, true, false)
    .importedFiles.map(({ fileName }) => fileName)
    .filter((source) => source.startsWith('.'))
    .map((source) => sourceFile(resolve(dirname(file), source)));
}

/** Imports say .js, files are .ts; lint's own files are .js. */
function sourceFile(path) {
  const typescript = path.replace(/\.js$/, '.ts');
  return existsSync(typescript) ? typescript : path;
}

function importsOf(file) {
  const known = importsByFile.get(file);
  if (known !== undefined) return known;
  const imports = existsSync(file) ? importsIn(file, readFileSync(file, 'utf8')) : [];
  importsByFile.set(file, imports);
  return imports;
}

/**
 * Files that import each other, directly or not, have the same component (Tarjan's algorithm). So the search for a path is
 * needed only within one.
 */
let visits = new Map();

function componentOf(file) {
  if (!visits.has(file)) visitComponents(file, []);
  return visits.get(file).component;
}

function visitComponents(file, stack) {
  const visit = { order: visits.size, low: visits.size, component: undefined };
  visits.set(file, visit);
  stack.push(file);
  for (const next of importsOf(file)) {
    const known = visits.get(next);
    if (known === undefined) visit.low = Math.min(visit.low, visitComponents(next, stack).low);
    else if (known.component === undefined) visit.low = Math.min(visit.low, known.order);
  }
  if (visit.low === visit.order) {
    let member;
    do {
      member = stack.pop();
      visits.get(member).component = visit.order;
    } while (member !== file);
  }
  return visit;
}

/** The text that is linted may differ from the file: what was derived from the file's imports is computed again then. */
function rememberImports(file, imports) {
  const known = importsByFile.get(file);
  if (known !== undefined && known.join() === imports.join()) return;
  importsByFile.set(file, imports);
  visits = new Map();
}

/** The shortest path of imports from `start` to `goal`, both included, or undefined. */
function findPath(start, goal) {
  const cameFrom = new Map([[start, undefined]]);
  for (const file of cameFrom.keys()) {
    if (file === goal) {
      const path = [];
      for (let step = file; step !== undefined; step = cameFrom.get(step)) path.unshift(step);
      return path;
    }
    for (const next of importsOf(file)) if (!cameFrom.has(next)) cameFrom.set(next, file);
  }
  return undefined;
}

export const importCycles = {
  meta: {
    type: 'problem',
    schema: [],
    messages: { cycle: 'Import cycle: {{path}}.' },
  },
  create(context) {
    const file = context.filename;
    rememberImports(file, importsIn(file, context.sourceCode.text));
    const check = (node) => {
      const source = node?.source?.value;
      if (typeof source !== 'string' || !source.startsWith('.')) return;
      const imported = sourceFile(resolve(dirname(file), source));
      const path = componentOf(imported) === componentOf(file) ? findPath(imported, file) : undefined;
      if (path === undefined) return;
      const names = [file, ...path].map((step) => relative(context.cwd, step));
      context.report({ node, messageId: 'cycle', data: { path: names.join(' -> ') } });
    };
    return {
      ImportDeclaration: check,
      ExportNamedDeclaration: check,
      ExportAllDeclaration: check,
      ImportExpression: check,
    };
  },
};
