import { z } from 'zod';
import { limits } from '../domain/limits.js';
import { isTimeZone, timeZoneLengthMax, timeZoneProblem } from '../domain/time-zone.js';
import { describeTextProblem, idProblem, textProblem } from '../domain/text.js';
import { invalid } from './problem.js';

/** Fields that several routes share. `meta` is for the reference, the refinement validates. */

/** An id: 1…255 characters, compared byte by byte, without control characters and surrounding white space. */
export function idField(description: string) {
  return z
    .string()
    .superRefine((value, context) => {
      const problem = idProblem(value, limits.idLengthMax);
      if (problem === null) return;
      context.addIssue({ code: 'custom', message: describeTextProblem(problem, limits.idLengthMax) });
    })
    .meta({ description, minLength: 1, maxLength: limits.idLengthMax });
}

export const customerId = idField(
  "Core banking's id of the customer. It must not contain personal data: operators see it.",
);
export const accountId = idField(
  "Core banking's id of the account, unique in the installation. It must not be an account number.",
);

export const transactionId = idField("Core banking's id of the transaction, unique in its account.");

/** The time zone in which days of an account are read; null means none. */
export const timeZoneField = z.string().refine(isTimeZone, timeZoneProblem).nullish().meta({
  description:
    'IANA time zone in which the days of transactions are read. An account without one takes that of its customer, else that of the installation. A change affects new transactions only.',
  maxLength: timeZoneLengthMax,
  example: 'Europe/London',
});

/** An id that this service created. */
export const uuid = z
  .string()
  .regex(/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/, 'must be a UUID in lower case')
  .meta({ format: 'uuid' });

/** A text of 1…`lengthMax` characters. */
export function textField(lengthMax: number) {
  return z
    .string()
    .superRefine((value, context) => {
      const problem = textProblem(value, lengthMax);
      if (problem === null) return;
      context.addIssue({ code: 'custom', message: describeTextProblem(problem, lengthMax) });
    })
    .meta({ minLength: 1, maxLength: lengthMax });
}

/** An instant in an answer: ISO 8601 in UTC. */
export const instant = z.string().meta({ format: 'date-time' });

/** No parameters. */
export const nothing = z.strictObject({});

const pageLimitMax = 200;
const pageLimitDefault = 50;

/** A cursor holds an id of at most 255 characters of up to three bytes each, in base64. */
const cursorLengthMax = 1_024;

/** Query parameters of a list. The cursor is `next_cursor` of the previous page. */
export const pageFields = {
  cursor: z.string().max(cursorLengthMax).optional(),
  limit: z
    .string()
    .refine(
      (value) => /^[1-9]\d{0,2}$/.test(value) && Number(value) <= pageLimitMax,
      `must be a whole number from 1 to ${pageLimitMax}`,
    )
    .transform(Number)
    .optional()
    .meta({ type: 'integer', minimum: 1, maximum: pageLimitMax, default: pageLimitDefault }),
};

export const nextCursor = z
  .string()
  .nullable()
  .meta({ description: 'For the next page; null on the last one.' });

/** Rows of a page. Callers read one more, to know whether there is a next page. */
export function pageSize(limit: number | undefined): number {
  return limit ?? pageLimitDefault;
}

/** Drops the extra row of a list that was read with one row more, and makes the cursor from the last row shown. */
export function page<Row>(rows: readonly Row[], limit: number, keyOf: (row: Row) => string) {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  const hasNext = rows.length > limit && last !== undefined;
  return { shown, next: hasNext ? cursorAfter(keyOf(last)) : null };
}

/** The cursor of the page that begins after a key. */
export function cursorAfter(key: string): string {
  return Buffer.from(key, 'utf8').toString('base64url');
}

/** The key in a cursor when it has the expected form, else null. Absent stays undefined. */
export function cursorKey(cursor: string | undefined, form: RegExp): string | null | undefined {
  if (cursor === undefined) return undefined;
  const key = Buffer.from(cursor, 'base64url').toString('utf8');
  return form.test(key) ? key : null;
}

/** Forms of the keys in cursors: an id of this service, and one that core banking gave. */
export const uuidKeyForm = /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/;
export const givenIdKeyForm = /^\P{Cc}{1,255}$/u;

/** The key to continue after, and the row limit. @throws {Problem} 400 for a cursor of another list */
export function keyedPage(
  query: { cursor?: string | undefined; limit?: number | undefined },
  form: RegExp,
): { after: string | undefined; limit: number } {
  const after = cursorKey(query.cursor, form);
  if (after === null) {
    const message = 'is not a cursor of this list';
    throw invalid({ status: 400, code: 'invalid_query', errors: [{ pointer: '/cursor', message }] });
  }
  return { after, limit: pageSize(query.limit) };
}
