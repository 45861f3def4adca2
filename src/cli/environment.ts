import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { CommandFailure, exitCodes } from './exit-codes.js';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Where `npm start` writes the variables of its roles, below LOCAL_DIR; read by the current user only. */
export const localEnvironmentFile = join('run', 'environment.json');

const variables = z.record(z.string(), z.string());

/** The variables of a command, and the file of `npm start` that they come from, if any. */
export interface CommandEnvironment {
  readonly variables: Environment;
  readonly localFile: string | null;
}

/**
 * Variables that name the installation: with one of them set, the environment alone counts, since values of another
 * installation must never be mixed in.
 */
const namesInstallation = ['DATABASE_URL', 'DATABASE_URL_FILE', 'TEMPORAL_ADDRESS', 'PUBLIC_URL'];

/**
 * The variables that a command uses: those of the environment, or, where it names no installation, those of the last
 * `npm start` of this clone (or of LOCAL_DIR). `root` is the folder of the clone.
 *
 * @throws CommandFailure when the file of `npm start` is there and cannot be read
 */
export async function readCommandEnvironment(input: {
  environment: Environment;
  root: string;
}): Promise<CommandEnvironment> {
  const { environment, root } = input;
  if (namesInstallation.some((name) => environment[name])) {
    return { variables: environment, localFile: null };
  }
  const file = resolve(root, environment['LOCAL_DIR'] || '.local', localEnvironmentFile);
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw unreadable(file, (error as NodeJS.ErrnoException).code ?? 'unknown');
  });
  if (text === null) return { variables: environment, localFile: null };
  const parsed = variables.safeParse(parseJson(text));
  if (!parsed.success) throw unreadable(file, 'not the JSON that npm start writes');
  return { variables: { ...environment, ...parsed.data }, localFile: file };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function unreadable(file: string, why: string): CommandFailure {
  return new CommandFailure(
    `${file} cannot be read (${why}): start "npm start" again as the same user, or set the variables of the installation.`,
    exitCodes.configuration,
  );
}
