/**
 * A payload, before encryption, may have this many bytes: workflows carry ids and counters, never data.
 *
 * It may be raised, never lowered: on replay the worker encodes the commands of old code again, and a lower limit would
 * refuse what a running history already holds. Reading is not limited for the same reason.
 */
export const payloadBytesMax = 8 * 1024;
