/**
 * An error of a local start or a test run that the user can fix. The message is one sentence with the reason and the
 * remedy; it is shown without a stack.
 */
export class LocalFailure extends Error {
  override readonly name = 'LocalFailure';
}

/** Prints one line of progress. */
export type PrintLine = (line: string) => void;
