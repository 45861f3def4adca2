import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { until } from './until.js';

export { until } from './until.js';

export interface RoleProcess {
  pid: number;
  /** Everything it printed until now, stdout and stderr together: for greps over secrets. */
  output(): string;
  /** The first line printed so far or from now on that matches. */
  waitForLine(pattern: RegExp, timeoutMs: number): Promise<string>;
  /** SIGTERM asks it to drain, SIGKILL is the crash. Completes when it is gone. */
  kill(signal: NodeJS.Signals): Promise<ExitedRole>;
  exited: Promise<ExitedRole>;
}

export interface ExitedRole {
  code: number | null;
  signal: NodeJS.Signals | null;
}

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Ours only, so that a variable of the developer's shell cannot change what a test proves. */
const inheritedNames = [
  'PATH',
  'HOME',
  'TMPDIR',
  'LANG',
  'XDG_CACHE_HOME',
  'TEMPORAL_CLI_PATH',
  'CHROME_PATH',
];

/**
 * Starts a role as a real process: `startRole({ entry: 'worker.ts', env: { DATABASE_URL: … } })`. It gets the given
 * variables and, of ours, only PATH and its like. End it in `afterAll`, whatever the test did: `kill('SIGKILL')`.
 */
export function startRole(input: {
  /** Relative to the project's root. */
  entry: string;
  args?: string[];
  env: Record<string, string>;
  /** A file descriptor for stdout and stderr; then the role's output is not collected. */
  outputTo?: number;
}): RoleProcess {
  const inherited = inheritedNames.flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  const child = spawn(process.execPath, ['--import', 'tsx', input.entry, ...(input.args ?? [])], {
    cwd: root,
    env: { ...Object.fromEntries(inherited), ...input.env },
    stdio: ['ignore', input.outputTo ?? 'pipe', input.outputTo ?? 'pipe'],
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8');
    stream?.on('data', (chunk: string) => (text += chunk));
  }
  let gone: ExitedRole | undefined;
  const exited = new Promise<ExitedRole>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve((gone = { code, signal })));
  });
  return {
    pid: child.pid ?? -1,
    output: () => text,
    exited,
    kill: (signal) => {
      child.kill(signal);
      return exited;
    },
    waitForLine: async (pattern, timeoutMs) => {
      const line = await until(
        () => text.split('\n').find((candidate) => pattern.test(candidate)) ?? (gone && 'gone'),
        { timeoutMs, describe: `${input.entry} prints ${pattern}; it printed:\n${text.slice(-4_000)}` },
      );
      if (line === 'gone') {
        throw new Error(
          `${input.entry} ended (code ${gone?.code}) before it printed ${pattern}:\n${text.slice(-4_000)}`,
        );
      }
      return line;
    },
  };
}
