/**
 * What an operator found in Sage of a batch whose connection is gone: all of its transactions, or none. Rutter accepts a
 * batch whole or not at all.
 */
export const batchResolutions = ['delivered', 'not_delivered'] as const;
export type BatchResolution = (typeof batchResolutions)[number];
