/**
 * What stops a local start or a test run for a reason the person at the keyboard can remove.
 * The message is one sentence that says what is wrong and what to do; it is shown without a stack.
 */
export class LocalFailure extends Error {
  override readonly name = 'LocalFailure';
}

/** Says what is being fetched or started; one line a call. */
export type Say = (line: string) => void;
