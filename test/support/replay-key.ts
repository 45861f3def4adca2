/** The key under which the saved histories are encrypted: made up, for replays and the runs that record them only. */
export const replayKeys = `replay:${Buffer.alloc(32, 'replay histories only').toString('base64')}`;
