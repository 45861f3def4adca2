import { readDatabaseStateCause } from '../db/database-state.js';
import type { Cause } from '../domain/availability.js';
import type { Degraded, DegradedPart } from '../domain/degraded.js';
import type { LogState } from '../logger.js';
import type { ApiDeps } from './deps.js';

/** A part that has not answered within this time is not ready. */
const answeredWithinMs = 3_000;

/** Why a part is not ready: SQLSTATE, gRPC code or one of ours, with the text. */
export interface ReadinessCause extends Cause {
  /** Since when calls to it fail, as far as this process has made any. */
  readonly since: string | null;
}

export interface Readiness {
  readonly ready: boolean;
  readonly database: boolean;
  readonly temporal: boolean;
  /** Of the parts that are not ready, and no others. */
  readonly causes: { readonly database?: ReadinessCause; readonly temporal?: ReadinessCause };
  /** What works less well than it should although the process is ready. */
  readonly degraded: readonly Degraded[];
}

/** What everybody may read: which parts, since when, and the codes; no text, which may name hosts, roles or workers. */
export interface PublicReadiness {
  readonly ready: boolean;
  readonly database: boolean;
  readonly temporal: boolean;
  readonly causes: Readonly<Record<string, { readonly code: string; readonly since: string | null }>>;
  readonly degraded: readonly { readonly part: DegradedPart; readonly code?: string | undefined }[];
}

/** A readiness without its texts; a code that several workers report is named once. */
export function publicReadiness({ causes, degraded, ...parts }: Readiness): PublicReadiness {
  const listed = new Map(degraded.map(({ part, code }) => [`${part} ${code ?? ''}`, { part, code }]));
  return {
    ...parts,
    causes: Object.fromEntries(
      Object.entries(causes).map(([part, { code, since }]) => [part, { code, since }]),
    ),
    degraded: [...listed.values()],
  };
}

/**
 * Whether this process can do its own work now: the database can be written and has the schema, and the namespace can be
 * used. With what is degraded. Never throws.
 */
export async function readReadiness(
  input: Pick<ApiDeps, 'pool' | 'facade' | 'readLogState' | 'readDegraded' | 'availability'>,
): Promise<Readiness> {
  const [database, temporal] = await Promise.all([
    withinTime(readDatabaseStateCause(input.pool)),
    withinTime(input.facade.readNamespaceCause()),
  ]);
  const withSince = (part: 'database' | 'temporal', cause: Cause): ReadinessCause => {
    const current = input.availability.find((each) => each.part === part)?.current() ?? null;
    return { ...cause, since: current === null ? null : new Date(current.sinceMs).toISOString() };
  };
  return {
    ready: database === null && temporal === null,
    database: database === null,
    temporal: temporal === null,
    causes: {
      ...(database === null ? {} : { database: withSince('database', database) }),
      ...(temporal === null ? {} : { temporal: withSince('temporal', temporal) }),
    },
    degraded: [...degradedLog(input.readLogState()), ...input.readDegraded()],
  };
}

/** A process whose log lines are dropped does its work: taking it out of rotation would make things worse. */
function degradedLog({ failure, droppedTotal }: LogState): Degraded[] {
  if (failure === null) return [];
  return [
    {
      part: 'log',
      code: failure,
      cause: `log lines cannot be written (${failure}): ${droppedTotal} were dropped`,
    },
  ];
}

async function withinTime(answer: Promise<Cause | null>): Promise<Cause | null> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<Cause>((resolve) => {
    const text = `no answer within ${String(answeredWithinMs / 1_000)} s`;
    timer = setTimeout(() => resolve({ code: 'no_answer', text }), answeredWithinMs);
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}
