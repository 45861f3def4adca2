import { z } from 'zod';
import type { IngestionProblemCount, IngestionProblemCounts } from '../db/ingestion-problems.js';
import { instant } from './fields.js';

const countSchema = z
  .object({ count: z.int().min(0), first_at: instant.nullable(), last_at: instant.nullable() })
  .meta({ id: 'IngestionProblemCount' });

/** Items of an account that were not taken as core banking sent them, since the account exists. */
export const ingestionProblemsSchema = z
  .object({
    rejected: countSchema.meta({ description: 'No valid transactions.' }),
    conflicting: countSchema.meta({ description: 'Ids that are stored with other content.' }),
    contradicting: countSchema.meta({
      description: 'Accepted although sign and type contradict each other (`SIGN_CHECK=warn`).',
    }),
  })
  .meta({ id: 'IngestionProblems' });

export function ingestionProblemsJson(counts: IngestionProblemCounts) {
  return {
    rejected: countJson(counts.rejected),
    conflicting: countJson(counts.conflicting),
    contradicting: countJson(counts.contradicting),
  };
}

function countJson(found: IngestionProblemCount | undefined) {
  return { count: found?.count ?? 0, first_at: found?.firstAt ?? null, last_at: found?.lastAt ?? null };
}
