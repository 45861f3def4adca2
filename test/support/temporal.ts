import { randomBytes } from 'node:crypto';
import { Connection } from '@temporalio/client';
import type { ClientOptionsForTestEnv } from '@temporalio/testing';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { inject } from 'vitest';
import './provided.js';

export interface TestNamespace {
  /** `host:port` of the run's development server. */
  address: string;
  namespace: string;
}

export interface TestNamespaceInput {
  /** Registers what the tests need in the fresh namespace, such as our search attributes. */
  register?: (input: { connection: Connection; namespace: string }) => Promise<unknown>;
}

const retentionSeconds = 86_400;

/** A fresh namespace on the run's development server, so that one test file never meets another's workflows. */
export async function createTestNamespace(input: TestNamespaceInput = {}): Promise<TestNamespace> {
  const address = inject('temporalAddress');
  const namespace = `test-${randomBytes(6).toString('hex')}`;
  const connection = await Connection.connect({ address });
  try {
    await connection.workflowService.registerNamespace({
      namespace,
      workflowExecutionRetentionPeriod: { seconds: retentionSeconds as never },
    });
    await input.register?.({ connection, namespace });
  } finally {
    await connection.close();
  }
  return { address, namespace };
}

/** The SDK gives a server of this kind five seconds to start, which a busy machine may not keep. */
const startsMax = 5;

/**
 * A time-skipping server of its own (Schedules and listing are not in it). Time is global to it: one a file, its tests
 * one after the other, and `teardown()` at the end. One that did not start in time is started again.
 */
export async function createTimeSkipping(
  input: { client?: ClientOptionsForTestEnv } = {},
): Promise<TestWorkflowEnvironment> {
  for (let start = 1; ; start += 1) {
    try {
      return await TestWorkflowEnvironment.createTimeSkipping({
        server: { executable: { type: 'existing-path', path: inject('testServerPath') } },
        ...(input.client === undefined ? {} : { client: input.client }),
      });
    } catch (error) {
      if (start >= startsMax) throw error;
    }
  }
}
