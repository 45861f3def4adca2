import { randomUUID } from 'node:crypto';
import type { ErrorRequestHandler, Request, RequestHandler, Response } from 'express';
import { isDatabaseUnavailable } from '../db/unavailable.js';
import type { Logger } from '../logger.js';
import { WorkflowsUnavailable } from '../temporal/calls.js';
import { html, type Html } from './html.js';
import { messageMain, printPage, type PageInput } from './layout.js';
import type { Message, Texts } from './texts.js';

/** Ends a request with a page that has a message and the next steps. Handlers throw it, `errorPages` prints it. */
export class PageProblem extends Error {
  constructor(
    readonly status: number,
    readonly page: Message & { readonly more?: Html; /** Nothing follows. */ readonly isEnd?: boolean },
  ) {
    super(page.heading);
    this.name = 'PageProblem';
  }
}

/** Sends a page with a status. `pageHeaders` has set the headers before. */
export function sendPage(response: Response, status: number, page: string): void {
  response.status(status).type('html').send(page);
}

export function sendMessage(
  response: Response,
  t: Texts,
  status: number,
  page: Message & { readonly more?: Html },
): void {
  sendPage(response, status, printPage(t, { title: page.heading, main: messageMain(page) }));
}

/** 303 without a body: Express would print the address into it, and some addresses are secrets. */
export function seeOther(response: Response, address: string): void {
  response.status(303).location(address).end();
}

/** Answers 404 for unknown addresses below a page's path. */
export function notFoundPage(t: Texts): RequestHandler {
  return () => {
    throw new PageProblem(404, t.problems.notFound);
  };
}

/** What the error pages below a path show besides the general texts. */
export interface ErrorPages {
  /** Below every message. */
  readonly below: (request: Request) => Html | undefined;
  /** While our own service does not answer: the message, and where and when to try again. */
  readonly unavailable: (request: Request) => {
    readonly message: Message & { readonly more?: Html };
    readonly refresh?: { readonly seconds: number; readonly path: string };
  };
}

/** Prints every error as a page. An unexpected error is logged under a reference that the page shows. */
export function errorPages(t: Texts, logger: Logger, pages?: ErrorPages): ErrorRequestHandler {
  return (error: unknown, request, response, next) => {
    const send = (status: number, page: PageProblem['page'], refresh?: PageInput['refresh']) => {
      const below = page.isEnd === true ? undefined : pages?.below(request);
      const main = html`${messageMain(page)}${below}`;
      const title = page.heading;
      sendPage(
        response,
        status,
        printPage(t, { title, main, ...(refresh === undefined ? {} : { refresh }) }),
      );
    };
    if (response.headersSent) {
      next(error);
      return;
    }
    if (error instanceof PageProblem) {
      send(error.status, error.page);
      return;
    }
    if (error instanceof WorkflowsUnavailable || isDatabaseUnavailable(error)) {
      logger.warn({ err: error }, 'page unavailable: a part of the service does not answer');
      response.setHeader('Retry-After', '60');
      const shown = pages?.unavailable(request);
      send(503, shown?.message ?? t.problems.unavailable, shown?.refresh);
      return;
    }
    const status = clientErrorStatus(error);
    if (status !== undefined) {
      send(status, t.problems.badForm);
      return;
    }
    const reference = referenceOf(response);
    logger.error({ err: error, reference }, 'page failed');
    send(500, {
      ...t.problems.failed,
      more: html`<p class="soft small">${t.problems.reference(reference)}</p>`,
    });
  };
}

/** The request's id, as the application gives it in a header and writes it into its log lines. */
function referenceOf(response: Response): string {
  const requestId = response.getHeader('X-Request-Id');
  return typeof requestId === 'string' ? requestId : randomUUID();
}

/** Express and its body parsers mark client errors (too large, not readable) with a 4xx status. */
function clientErrorStatus(error: unknown): number | undefined {
  const status = (error as { status?: unknown } | null)?.status;
  return typeof status === 'number' && status >= 400 && status < 500 ? status : undefined;
}
