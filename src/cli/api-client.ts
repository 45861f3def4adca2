import { z } from 'zod';
import { CommandFailure, exitCodes, type ExitCode } from './exit-codes.js';

/** The installation that a remote command talks to. */
export interface ApiAccess {
  /** The origin of API and pages. */
  readonly url: string;
  /** A bearer token. */
  readonly token: string;
}

export type ApiClient = <T>(request: {
  path: string;
  /** Absent values are left out. */
  query?: Readonly<Record<string, string | undefined>>;
  schema: z.ZodType<T>;
}) => Promise<T>;

/** From sending to the last byte of the answer. The API answers a read within seconds. */
const answerMs = 30_000;

const problemSchema = z.object({ title: z.string().optional(), detail: z.string().optional() });

/**
 * Reads the machine API with a token; redirects are not followed, since the token is for this origin only.
 *
 * @throws CommandFailure with what the API says, or that it does not answer
 */
export function createApiClient(access: ApiAccess): ApiClient {
  return async ({ path, query = {}, schema }) => {
    const url = new URL(path, access.url);
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined) url.searchParams.set(name, value);
    }
    const { response, body } = await read(url, access.token);
    if (!response.ok) throw refusal(response.status, body);
    const parsed = schema.safeParse(body);
    if (parsed.success) return parsed.data;
    throw new CommandFailure(
      `${url.origin} answered ${path} in an unknown form: is it this service, and of this version?`,
      exitCodes.failed,
    );
  };
}

async function read(url: URL, token: string): Promise<{ response: Response; body: unknown }> {
  try {
    const response = await fetch(url, {
      headers: { authorization: `Bearer ${token}`, accept: 'application/json' },
      redirect: 'manual',
      signal: AbortSignal.timeout(answerMs),
    });
    const text = await response.text();
    return { response, body: parseJson(text) };
  } catch (error) {
    throw new CommandFailure(
      `${url.origin} does not answer (${reasonOf(error)}): is the API running, and is PUBLIC_URL its address?`,
      exitCodes.unavailable,
    );
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Node hides the code of a failed request in the cause. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  if (error.name === 'TimeoutError') return `no answer within ${String(answerMs / 1_000)} s`;
  const { code } = (error.cause ?? error) as { code?: unknown };
  return typeof code === 'string' ? code : error.message;
}

function refusal(status: number, body: unknown): CommandFailure {
  const problem = problemSchema.safeParse(body).data ?? {};
  const said = problem.detail ?? problem.title;
  return new CommandFailure(
    `The API answered ${String(status)}${said === undefined ? '' : `: ${said}`}`,
    exitCodeOf(status),
  );
}

function exitCodeOf(status: number): ExitCode {
  if (status === 401 || status === 403) return exitCodes.notPermitted;
  return status === 429 || status >= 500 ? exitCodes.unavailable : exitCodes.failed;
}
