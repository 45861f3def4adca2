import type { Request, RequestHandler } from 'express';
import express from 'express';
import { constantTimeEqual } from '../crypto/hash.js';
import { PageProblem } from './page-problem.js';
import type { Texts } from './texts.js';

/**
 * Enough for a form with a thousand ticked accounts of the longest ids: 255 characters of three bytes, each of them
 * percent-encoded, and the name of the field.
 */
const formBytesMax = 2_500_000;
const formFieldsMax = 1_100;

/** Name of the hidden field that ties a form to the session that was shown it. */
export const csrfFieldName = 'form_token';

/** Reads a posted form. The parser creates objects without a prototype, so a field named `__proto__` is only a field. */
export function formBody(): RequestHandler {
  return express.urlencoded({ extended: false, limit: formBytesMax, parameterLimit: formFieldsMax });
}

/** The one value of a field, '' when it is absent. @throws {PageProblem} 400 when the field is repeated */
export function readField(request: Request, t: Texts, name: string): string {
  const value = fieldsOf(request)[name];
  if (Array.isArray(value)) throw new PageProblem(400, t.problems.badForm);
  return typeof value === 'string' ? value : '';
}

/** All values of a field that may be repeated, such as checkboxes of one name. */
export function readFields(request: Request, name: string): string[] {
  const value = fieldsOf(request)[name];
  const values: unknown[] = Array.isArray(value) ? value : [value];
  return values.filter((item) => typeof item === 'string');
}

function fieldsOf(request: Request): Readonly<Record<string, unknown>> {
  const body: unknown = request.body;
  return typeof body === 'object' && body !== null ? (body as Record<string, unknown>) : {};
}

/**
 * Refuses cross-site requests: the form's `Origin` must be ours (`Sec-Fetch-Site` where a browser omits it), and its token
 * must be the session's. A client that sends neither header is not a browser, and has the token only if it received the
 * form.
 *
 * @throws {PageProblem} 403
 */
export function requireOwnForm(
  request: Request,
  t: Texts,
  expected: { readonly publicUrl: string; readonly token: string | undefined },
): void {
  const origin = request.get('origin');
  const site = request.get('sec-fetch-site');
  const ownOrigin =
    origin === undefined ? site === undefined || site === 'same-origin' : origin === expected.publicUrl;
  const given = readField(request, t, csrfFieldName);
  const ownToken = expected.token !== undefined && constantTimeEqual(expected.token, given);
  if (!ownOrigin || !ownToken) throw new PageProblem(403, t.problems.forged);
}
