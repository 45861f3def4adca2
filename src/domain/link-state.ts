/**
 * Rutter Link of a connection: `not_needed` when it was created without, `awaited` until the customer has finished it,
 * then `done`; also `done` for a connection that was adopted or came with a token of Link.
 */
export type LinkState = 'not_needed' | 'awaited' | 'done';
