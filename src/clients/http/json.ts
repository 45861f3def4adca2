import type { z } from 'zod';

const shapeProblemsMax = 5;

/** Whether a body is called JSON; what is called anything else is not read as an answer. */
export function isJson(contentType: string | null): boolean {
  return /^application\/(?:[\w.-]+\+)?json\s*(?:;|$)/i.test(contentType ?? '');
}

/** For bodies of errors only: their status already decides the result. */
export function parseJsonOrNull(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return null;
  }
}

/** Paths and expected types only; values could be customers' data. */
export function shapeProblems(error: z.ZodError): string {
  const problems = error.issues.slice(0, shapeProblemsMax);
  return problems.map((issue) => `${issue.path.map(String).join('.') || 'body'}: ${issue.code}`).join(', ');
}
