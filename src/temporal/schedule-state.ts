import { isGrpcServiceError, type Client } from '@temporalio/client';

/** NOT_FOUND of gRPC. */
const notFoundCode = 5;

/**
 * Whether a Schedule is paused, and its note. Null when it does not exist. Unlike the SDK's `describe` it decodes none of
 * the Schedule's arguments: a process without the key under which another one has written them reads this all the same.
 */
export async function readScheduleState(
  client: Client,
  scheduleId: string,
): Promise<{ paused: boolean; note: string | null } | null> {
  const { namespace } = client.options;
  try {
    const { schedule } = await client.workflowService.describeSchedule({ namespace, scheduleId });
    return { paused: schedule?.state?.paused === true, note: schedule?.state?.notes ?? null };
  } catch (error) {
    if (isGrpcServiceError(error) && (error.code as number) === notFoundCode) return null;
    throw error;
  }
}
