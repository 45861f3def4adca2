import { expect, it } from 'vitest';
import { activityChannels, createActivities, type ActivityDeps } from '../../src/activities/channels.js';
import { channelIds } from '../../src/domain/channel.js';
import { temporalChannels } from '../../src/temporal/channels.js';
import { workflowChannels } from '../../src/workflows/channels.js';

// Only bound, never called.
const deps = {} as ActivityDeps;

it('every layer names every channel under its id', () => {
  for (const channels of [activityChannels, workflowChannels, temporalChannels]) {
    expect(Object.values(channels).map(({ id }) => id)).toEqual(channelIds);
    expect(Object.keys(channels)).toEqual(channelIds);
  }
});

it('the repair job runs every repair activity of every channel', () => {
  for (const channel of Object.values(activityChannels)) {
    const { repairActivities } = workflowChannels[channel.id];
    expect([...repairActivities].sort()).toEqual(Object.keys(channel.createRepairActivities(deps)).sort());
  }
});

it('no two activities have the same wire name', () => {
  const channels = Object.values(activityChannels).flatMap((channel) => [
    ...Object.keys(channel.createActivities(deps)),
    ...Object.keys(channel.createRepairActivities(deps)),
  ]);
  const shared = ['dbFailCommand', 'dbReviewAlerts', 'providerRunCommand', 'temporalEndCommands'];
  expect(Object.keys(createActivities(deps)).sort()).toEqual([...shared, ...channels].sort());
});
