import type { IncomingMessage, ServerResponse } from 'node:http';
import { BodyTooLarge, readBytes } from '../stand-in/body.js';
import { defaultHost, listen, type Listening, type ListenOptions } from '../stand-in/listen.js';
import { connectPages } from './connect-pages.js';
import { feedPages } from './feed-pages.js';
import { linkPages } from './link-pages.js';
import { errorPage } from '../stand-in/page-layout.js';
import { ScreenError, type Reply, type Screen, type Screens } from './screen.js';

export interface SageScreensOptions extends ListenOptions {
  /** Origin of the Rutter sandbox. */
  rutterUrl: string;
  /** The bank's login page, as registered with Rutter. */
  loginUrl: string;
}

export type RunningScreens = Listening;

/** Forms here have a handful of fields. */
const formBytesMax = 100_000;
const SCREENS: readonly Screen[] = [...connectPages, ...feedPages, ...linkPages];

/**
 * Starts pages that simulate Sage ("connect your bank", choice of account and start date, received transactions) and
 * Rutter's Link. They use only the bank's login page and the control endpoints of the Rutter sandbox.
 * @throws the listen error (EADDRINUSE …).
 */
export async function startSageScreens(options: SageScreensOptions): Promise<RunningScreens> {
  const screens: Screens = { rutterUrl: options.rutterUrl, loginUrl: options.loginUrl };
  return listen(options, (message, response) => handle(screens, message, response));
}

async function handle(screens: Screens, message: IncomingMessage, response: ServerResponse): Promise<void> {
  const reply = await replyTo(screens, message);
  // No Cross-Origin-Opener-Policy on any page: pop-ups must keep their opener.
  response.writeHead(reply.status ?? 200, {
    'Content-Type': 'text/html; charset=utf-8',
    'Cache-Control': 'no-store',
    ...(reply.location === undefined ? {} : { Location: reply.location }),
  });
  response.end(reply.html ?? '');
}

async function replyTo(screens: Screens, message: IncomingMessage): Promise<Reply> {
  try {
    const url = new URL(message.url ?? '/', `http://${message.headers.host ?? defaultHost}`);
    const form = message.method === 'POST' ? await readForm(message) : new URLSearchParams();
    for (const screen of SCREENS) {
      const match = screen.method === message.method ? screen.path.exec(url.pathname) : null;
      if (match !== null) return await screen.reply(screens, { url, form, id: match[1] ?? '' });
    }
    throw new ScreenError(404, 'There is no such page.');
  } catch (error) {
    const status = error instanceof ScreenError ? error.status : 500;
    return { status, html: errorPage(error instanceof Error ? error.message : String(error)) };
  }
}

async function readForm(message: IncomingMessage): Promise<URLSearchParams> {
  try {
    return new URLSearchParams((await readBytes(message, formBytesMax)).toString('utf8'));
  } catch (error) {
    throw error instanceof BodyTooLarge ? new ScreenError(413, 'The form is too long.') : error;
  }
}
