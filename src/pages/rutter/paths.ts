/** Addresses of the login handoff. They contain the hash of the challenge, never the challenge. */
export const stepPaths = {
  signIn: (handoffId: string) => `/login/${handoffId}`,
  accounts: (handoffId: string) => `/login/${handoffId}/accounts`,
  /** Connects Sage in Rutter Link first; with the command that prepares it. */
  link: (handoffId: string) => `/login/${handoffId}/link`,
  linking: (handoffId: string, commandId: string) => `/login/${handoffId}/link?command=${commandId}`,
  finish: (handoffId: string) => `/login/${handoffId}/finish`,
  /** After the page that named missing accounts was seen. */
  finishSeen: (handoffId: string) => `/login/${handoffId}/finish?seen=1`,
  cancel: (handoffId: string) => `/login/${handoffId}/cancel`,
  decision: (handoffId: string) => `/login/${handoffId}/decision`,
} as const;

/** Addresses of this channel's pages below /status. */
export const rutterStatusPaths = {
  connect: '/status/connect',
  connecting: (commandId: string) => `/status/connect/${commandId}`,
  stop: (feedId: string) => `/status/feeds/${feedId}/stop`,
} as const;
