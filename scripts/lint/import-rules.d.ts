/** Shared files that may still import a channel. */
export declare const channelExceptions: string[];
