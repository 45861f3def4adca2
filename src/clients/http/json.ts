import type { z } from 'zod';

const shapeProblemsMax = 5;

/** Whether a content type is JSON; a body of any other type is not read as an answer. */
export function isJson(contentType: string | null): boolean {
  return /^application\/(?:[\w.-]+\+)?json\s*(?:;|$)/i.test(contentType ?? '');
}

/** The parsed text, or null. For error bodies only: there the status alone decides the result. */
export function parseJsonOrNull(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return null;
  }
}

/** Where a body differs from its schema: paths and issue codes only, because values could be customer data. */
export function shapeProblems(error: z.ZodError): string {
  const problems = error.issues.slice(0, shapeProblemsMax);
  return problems.map((issue) => `${issue.path.map(String).join('.') || 'body'}: ${issue.code}`).join(', ');
}
