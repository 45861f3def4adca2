import { fileURLToPath } from 'node:url';
import {
  bundleWorkflowCode,
  DefaultLogger,
  Runtime,
  type WorkflowBundleWithSourceMap,
} from '@temporalio/worker';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { searchAttributeTypes } from '../../src/temporal/search-attributes.js';
import { failureConverterPath } from '../../src/temporal/data-converter.js';
import { createTimeSkipping } from './temporal.js';

/** A time-skipping server with our search attributes, its SDK logging errors only. */
export async function createWorkflowEnvironment(): Promise<TestWorkflowEnvironment> {
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  const env = await createTimeSkipping();
  // This server adds search attributes but cannot list them.
  const { operatorService } = env.connection;
  await operatorService.addSearchAttributes({ namespace: 'default', searchAttributes: searchAttributeTypes });
  return env;
}

/**
 * All our workflows, bundled as the worker's are; or, by files of this folder, what a careless change would make of them:
 * `workflows` in their place, `interceptors` around them.
 */
export function bundleWorkflows(
  changed: { workflows?: string; interceptors?: string } = {},
): Promise<WorkflowBundleWithSourceMap> {
  const pathOf = (file: string) => fileURLToPath(new URL(file, import.meta.url));
  const { workflows = '../../src/workflows/index.ts', interceptors } = changed;
  return bundleWorkflowCode({
    workflowsPath: pathOf(workflows),
    failureConverterPath,
    ...(interceptors === undefined ? {} : { workflowInterceptorModules: [pathOf(interceptors)] }),
    logger: new DefaultLogger('ERROR'),
  });
}
