/** Exit codes of `bankfeeds`, a promise to programs that call it. Those above 2 are named in sysexits.h. */
export const exitCodes = {
  /** Done; for `doctor`: no check failed. */
  ok: 0,
  /** The API refused the request, a check failed, or there is a bug. */
  failed: 1,
  /** An unknown command, option or value. */
  usage: 2,
  /** EX_UNAVAILABLE: the API did not answer, or answered that it cannot serve now. Try again later. */
  unavailable: 69,
  /** EX_NOPERM: the token is missing at the API, or its role may not do this. */
  notPermitted: 77,
  /** EX_CONFIG: a variable that the command needs is missing or wrong. */
  configuration: 78,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** A command that ends without a result: one or several lines for stderr, and the exit code. */
export class CommandFailure extends Error {
  override readonly name = 'CommandFailure';
  constructor(
    message: string,
    readonly exitCode: ExitCode,
  ) {
    super(message);
  }
}
