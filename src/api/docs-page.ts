import { createHash } from 'node:crypto';
import type { OpenApiDocument } from './openapi.js';

/** The parts of the document that the page shows; the generator's own types allow more. */
interface Operation {
  readonly summary?: string;
  readonly description?: string;
  readonly security?: readonly Readonly<Record<string, unknown>>[];
  readonly parameters?: readonly { name: string; in: string; required?: boolean; schema?: unknown }[];
  readonly requestBody?: { content: Readonly<Record<string, { schema?: unknown }>> };
  readonly responses: Readonly<
    Record<string, { description: string; content?: Record<string, { schema?: unknown }> }>
  >;
}

const style = `
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
code, pre { font: 14px/1.4 ui-monospace, monospace; }
pre { overflow-x: auto; padding: .75rem; border: 1px solid #8886; border-radius: .3rem; }
section { border-top: 1px solid #8886; margin-top: 2rem; }
table { border-collapse: collapse; } td, th { text-align: left; padding: .2rem 1rem .2rem 0; vertical-align: top; }
.method { text-transform: uppercase; font-weight: 700; }`;

/** The reference as one page without scripts and external resources, with the matching content security policy. */
export function createDocsPage(document: OpenApiDocument): { html: string; contentSecurityPolicy: string } {
  const operations = Object.entries(document.paths ?? {}).flatMap(([path, methods]) =>
    Object.entries(methods as Readonly<Record<string, Operation>>).map(([method, operation]) => ({
      path,
      method,
      operation,
    })),
  );
  const title = escapeHtml(document.info.title);
  const links = operations.map(
    ({ path, method }) =>
      `<li><a href="#${anchor(method, path)}"><span class="method">${method}</span> <code>${escapeHtml(path)}</code></a></li>`,
  );
  const schemas = Object.entries(document.components?.schemas ?? {}).map(
    ([name, schema]) =>
      `<section id="schema-${escapeHtml(name)}"><h2>${escapeHtml(name)}</h2>${json(schema)}</section>`,
  );
  const html = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${title}</title><style>${style}</style></head>
<body><main><h1>${title}</h1><p>${prose(document.info.description)}</p>
<p>The same as a document: <a href="/openapi.json">openapi.json</a>.</p><nav><ul>${links.join('')}</ul></nav>
${operations.map(({ path, method, operation }) => section(path, method, operation)).join('\n')}
<h1>Objects</h1>${schemas.join('\n')}</main></body></html>`;
  const hash = createHash('sha256').update(style).digest('base64');
  return {
    html,
    contentSecurityPolicy: `default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  };
}

function section(path: string, method: string, operation: Operation): string {
  const roles = (operation.security ?? []).flatMap((entry) => Object.keys(entry));
  const parameters = (operation.parameters ?? []).map(
    (parameter) =>
      `<tr><td><code>${escapeHtml(parameter.name)}</code></td><td>${escapeHtml(parameter.in)}${parameter.required === true ? ', required' : ''}</td><td><code>${escapeHtml(JSON.stringify(parameter.schema ?? {}))}</code></td></tr>`,
  );
  const bodies = Object.entries(operation.requestBody?.content ?? {}).map(
    ([type, content]) => `<p>Body, <code>${escapeHtml(type)}</code>: ${reference(content.schema)}</p>`,
  );
  const answers = Object.entries(operation.responses).map(([status, answer]) => {
    const schema = Object.values(answer.content ?? {})[0]?.schema;
    return `<tr><td>${escapeHtml(status)}</td><td>${escapeHtml(answer.description)}</td><td>${schema === undefined ? '' : reference(schema)}</td></tr>`;
  });
  return `<section id="${anchor(method, path)}"><h2><span class="method">${method}</span> <code>${escapeHtml(path)}</code></h2>
<p>${prose(operation.summary)}. ${prose(operation.description)}</p>
<p>${roles.length === 0 ? 'No token.' : `Role: ${roles.map(escapeHtml).join(' or ')}.`}</p>
${parameters.length === 0 ? '' : `<table>${parameters.join('')}</table>`}${bodies.join('')}
<table><tr><th>Answer</th><th></th><th></th></tr>${answers.join('')}</table></section>`;
}

function reference(schema: unknown): string {
  const name = /^#\/components\/schemas\/(.+)$/.exec(String((schema as { $ref?: unknown }).$ref))?.[1];
  return name === undefined ? json(schema) : `<a href="#schema-${escapeHtml(name)}">${escapeHtml(name)}</a>`;
}

function json(value: unknown): string {
  return `<pre>${escapeHtml(JSON.stringify(value, null, 2))}</pre>`;
}

/** Escaped text in which `…` between backquotes is code. */
function prose(text: string | undefined): string {
  return escapeHtml(text ?? '').replace(/`([^`]*)`/g, '<code>$1</code>');
}

function anchor(method: string, path: string): string {
  return `${method}${path.replace(/[^A-Za-z0-9]+/g, '-')}`;
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${String(character.charCodeAt(0))};`);
}
