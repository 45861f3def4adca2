import type { Request, RequestHandler, Response } from 'express';
import express, { Router } from 'express';
import { constantTimeEqual } from '../../crypto/hash.js';
import { codecBodyBytesMax, decodePayloadsJson } from '../../temporal/codec-json.js';
import type { PagesDeps } from '../deps.js';
import { csrfFieldName, formBody, readField, requireOwnForm } from '../form.js';
import { html } from '../html.js';
import type { Html } from '../html.js';
import { messageMain, printPage } from '../layout.js';
import { seeOther, sendPage } from '../page-problem.js';
import {
  endSession,
  newFormToken,
  readOperatorSession,
  renewSession,
  saveSession,
  signInFormToken,
} from '../session.js';
import { alertBox } from '../sign-in/sign-in-form.js';
import type { Texts } from '../texts.js';

export interface CodecPages extends PagesDeps {
  readonly t: Texts;
}

const signInPath = '/codec/sign-in';
const signOutPath = '/codec/sign-out';
const preflightAgeSeconds = 600;

/**
 * The remote codec of the Temporal UI: operators sign in here with their token, and the UI then sends payloads to
 * `POST /codec/decode` with the session's cookie. Cookie and UI must belong to one site (`SameSite=Strict`).
 */
export function createCodecPages(pages: CodecPages): Router {
  const router = Router({ caseSensitive: true });
  router.get('/', (_request, response) => seeOther(response, signInPath));
  router.get('/sign-in', (request, response) => showSignIn(pages, request, response, { status: 200 }));
  router.post('/sign-in', formBody(), (request, response) => signIn(pages, request, response));
  router.post('/sign-out', formBody(), (request, response) => signOut(pages, request, response));
  router.use('/decode', allowTemporalUi(pages.config.TEMPORAL_UI_URL));
  // The body is read only for operators, and as text: the codec checks its size and shape itself.
  const asText = express.text({ type: () => true, limit: codecBodyBytesMax });
  router.post('/decode', requireOperator, asText, (request, response) => decode(pages, request, response));
  return router;
}

/** CORS with credentials for exactly the Temporal UI; another origin gets no such headers and no answer. */
function allowTemporalUi(uiOrigin: string): RequestHandler {
  return (request, response, next) => {
    const origin = request.get('origin');
    response.setHeader('Vary', 'Origin');
    if (origin !== undefined && origin !== uiOrigin) {
      response.status(403).json({ message: 'this origin may not read payloads' });
      return;
    }
    if (origin !== undefined) {
      response.setHeader('Access-Control-Allow-Origin', uiOrigin);
      response.setHeader('Access-Control-Allow-Credentials', 'true');
    }
    if (request.method !== 'OPTIONS') {
      next();
      return;
    }
    response.setHeader('Access-Control-Allow-Methods', 'POST, OPTIONS');
    response.setHeader('Access-Control-Allow-Headers', 'content-type,x-namespace');
    response.setHeader('Access-Control-Max-Age', String(preflightAgeSeconds));
    response.status(204).end();
  };
}

const requireOperator: RequestHandler = (request, response, next) => {
  if (readOperatorSession(request) !== undefined) next();
  else response.status(401).json({ message: `sign in at ${signInPath} first` });
};

function decode({ keyring, logger }: CodecPages, request: Request, response: Response): void {
  const decoded = decodePayloadsJson(keyring, typeof request.body === 'string' ? request.body : '');
  if (!decoded.ok) {
    response.status(decoded.problem === 'too_large' ? 413 : 400).json({ message: decoded.problem });
    return;
  }
  logger.info({ payloadsCount: decoded.body.payloads.length }, 'payloads decoded for an operator');
  response.json(decoded.body);
}

async function showSignIn(
  pages: CodecPages,
  request: Request,
  response: Response,
  shown: { status: number; alert?: string },
): Promise<void> {
  const { t } = pages;
  const operator = readOperatorSession(request);
  const main =
    operator === undefined
      ? signInMain(t, { formToken: await signInFormToken(request), alert: shown.alert })
      : signedInMain(pages, operator.formToken);
  sendPage(response, shown.status, printPage(t, { title: t.codec.title, main }));
}

async function signIn(pages: CodecPages, request: Request, response: Response): Promise<void> {
  const { t, config } = pages;
  requireOwnForm(request, t, { publicUrl: config.publicUrl, token: request.session.formToken });
  if (!constantTimeEqual(config.OPS_API_TOKEN, readField(request, t, 'token').trim())) {
    pages.logger.warn({ source: request.ip }, 'operators’ token refused');
    await showSignIn(pages, request, response, { status: 401, alert: t.codec.refused });
    return;
  }
  await renewSession(request);
  request.session.operator = { formToken: newFormToken(), sinceMs: request.nowMs() };
  await saveSession(request);
  pages.logger.info({ source: request.ip }, 'operator signed in to read payloads');
  seeOther(response, signInPath);
}

async function signOut(pages: CodecPages, request: Request, response: Response): Promise<void> {
  const token = readOperatorSession(request)?.formToken;
  requireOwnForm(request, pages.t, { publicUrl: pages.config.publicUrl, token });
  await endSession(request);
  seeOther(response, signInPath);
}

function signInMain(t: Texts, form: { formToken: string; alert: string | undefined }): Html {
  return html`<div class="card">
    <h1>${t.codec.heading}</h1>
    <p class="soft">${t.codec.lead}</p>
    ${alertBox(form.alert)}
    <form method="post" action="${signInPath}">
      <input type="hidden" name="${csrfFieldName}" value="${form.formToken}" />
      <div class="field">
        <label for="token">${t.codec.token}</label>
        <input type="password" id="token" name="token" autocomplete="off" required />
      </div>
      <button type="submit" class="full">${t.codec.button}</button>
    </form>
  </div>`;
}

function signedInMain({ t, config }: CodecPages, formToken: string): Html {
  return messageMain({
    heading: t.codec.heading,
    paragraphs: [t.codec.signedIn, t.codec.howTo(`${config.publicUrl}/codec`, config.TEMPORAL_UI_URL)],
    more: html`<form method="post" action="${signOutPath}">
      <input type="hidden" name="${csrfFieldName}" value="${formToken}" />
      <button type="submit" class="quiet">${t.codec.signOut}</button>
    </form>`,
  });
}
