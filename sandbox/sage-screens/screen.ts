/** What every page needs. */
export interface Screens {
  rutterUrl: string;
  loginUrl: string;
}

export interface ScreenRequest {
  url: URL;
  form: URLSearchParams;
  /** First group of the screen's path. */
  id: string;
}

export interface Reply {
  status?: number;
  html?: string;
  location?: string;
}

export interface Screen {
  method: 'GET' | 'POST';
  path: RegExp;
  reply: (screens: Screens, request: ScreenRequest) => Reply | Promise<Reply>;
}

/** An error page with one sentence. */
export class ScreenError extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

/** 303: the browser requests `location` with GET. */
export function seeOther(location: string): Reply {
  return { status: 303, location };
}
