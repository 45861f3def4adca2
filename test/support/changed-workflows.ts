import { sleep } from '@temporalio/workflow';
import { bankFeedWorkflow as today } from '../../src/workflows/rutter/bank-feed/workflow.js';

/*
 * What a careless deployment would bring: the workflow of today with one more command at its beginning and no patch.
 * Only for tests that show that such code is noticed, and that it does no harm.
 */

export async function bankFeedWorkflow(input: Parameters<typeof today>[0]): Promise<void> {
  await sleep('1ms');
  await today(input);
}
