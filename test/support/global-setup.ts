import type { TestProject } from 'vitest/node';
import { findChromium } from '../../scripts/local/find-chromium.js';
import { findTemporalTestServer } from '../../scripts/local/find-temporal-test-server.js';
import './provided.js';
import {
  printLine,
  sharedPart,
  startTestPostgres,
  startTestTemporal,
  stopSharedParts,
} from './shared-parts.js';

type Part = 'postgres' | 'temporal' | 'test-server' | 'chromium';

/** What each project's tests may inject; the quick gate (unit, replay) has no global setup and starts nothing. */
const needs: Record<string, Part[]> = {
  activities: ['postgres', 'temporal'],
  workflows: ['postgres', 'temporal', 'test-server'],
  api: ['postgres', 'temporal'],
  sandbox: ['postgres'],
  reliability: ['postgres', 'temporal', 'test-server'],
  e2e: ['postgres', 'temporal', 'test-server', 'chromium'],
  verify: ['postgres', 'temporal', 'test-server', 'chromium'],
};

/**
 * Starts what a project's tests need, once for the whole run however many projects take part, and ends it with the
 * run. A part that is not available fails the run with its remedy: nothing is skipped silently.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  try {
    for (const part of needs[project.name] ?? []) await providePart(project, part);
  } catch (error) {
    // Vitest calls no teardown of a setup that threw.
    await stopSharedParts();
    throw error;
  }
  // Vitest tears all projects down at the end of the run, so the first one may end what they share.
  return stopSharedParts;
}

async function providePart(project: TestProject, part: Part): Promise<void> {
  switch (part) {
    case 'postgres':
      return project.provide('postgresUrl', await sharedPart('postgres', startTestPostgres));
    case 'temporal': {
      const temporal = await sharedPart('temporal', startTestTemporal);
      project.provide('temporalAddress', temporal.address);
      return project.provide('temporalCliPath', temporal.cliPath);
    }
    case 'test-server':
      return project.provide('testServerPath', await findTemporalTestServer({ printLine }));
    case 'chromium':
      return project.provide('chromePath', await findChromium({ printLine }));
    default:
      return part satisfies never;
  }
}
