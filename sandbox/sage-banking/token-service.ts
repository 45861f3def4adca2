import { randomInt } from 'node:crypto';
import { escapeHtml } from '../stand-in/page-layout.js';
import { headerOf, requireApplication } from './access.js';
import { captchaCharacters, captchaLifetimeMs, registrationLifetimeMs, STATUS } from './assumptions.js';
import {
  ApiError,
  invalid,
  isObject,
  newId,
  sha256,
  unauthorised,
  type Answer,
  type ApiRequest,
} from './http.js';
import { consumer, type Route } from './route.js';
import type { Sandbox } from './sandbox.js';

/** Letters that are easy to distinguish. */
const captchaAlphabet = 'ABCDEFGHJKLMNPRTUVWXYZ';
/** The detail by which a licence is validated. */
const SERIAL = 'serial';

export const tokenServiceRoutes: readonly Route[] = [
  { method: 'POST', path: '/api/v1/requestToken', access: 'none', answer: requestToken },
  { method: 'GET', path: `${consumer}/captcha`, access: 'application', answer: makeCaptcha },
];

/** Step 1 of a desktop onboarding: the token service records it without validation (contract 3.2). */
function requestToken(sandbox: Sandbox, request: ApiRequest): Answer {
  const application = requireApplication(sandbox, request);
  const provider = headerOf(request, 'x-provider');
  if (application.desktop !== true) {
    throw unauthorised('this product does not onboard through the token service', 'unknown_application');
  }
  if (provider === '' || (application.provider !== undefined && application.provider !== provider)) {
    throw unauthorised('x-provider is missing or not of this product', 'unknown_provider');
  }
  const { licence } = licenceOf(isObject(request.json) ? request.json['licenceDetails'] : undefined);
  const record = {
    id: registrationKey(application.id, licence),
    expiresAtMs: sandbox.clock.nowMs() + registrationLifetimeMs,
  };
  sandbox.commit({ put: 'registration', record });
  return { status: STATUS.requestToken, body: { requestId: newId() } };
}

/** Canonical text of `[{key, value}]`, whatever its order, and the serial in it. @throws ApiError 400 */
export function licenceOf(details: unknown): { licence: string; serial: string } {
  const pairs: [string, string][] = [];
  for (const item of Array.isArray(details) ? (details as unknown[]) : []) {
    if (!isObject(item) || typeof item['key'] !== 'string' || typeof item['value'] !== 'string') {
      throw invalid({ field: 'licenceDetails', reason: 'must be a list of {key, value}, both text' });
    }
    pairs.push([item['key'], item['value']]);
  }
  if (pairs.length === 0) throw invalid({ field: 'licenceDetails', reason: 'is required' });
  const serial = pairs.find(([key]) => key === SERIAL)?.[1] ?? '';
  return { licence: JSON.stringify(pairs.sort(([a], [b]) => (a < b ? -1 : 1))), serial };
}

export function registrationKey(applicationId: string, licence: string): string {
  return sha256(`${applicationId}\n${licence}`);
}

/** `image` is a data URL of a captcha with the letters (shape assumed, contract 3.2). */
function makeCaptcha(sandbox: Sandbox): Answer {
  const letters = Array.from({ length: captchaCharacters }, () =>
    captchaAlphabet.charAt(randomInt(captchaAlphabet.length)),
  );
  const text = letters.join('');
  const expiresAtMs = sandbox.clock.nowMs() + captchaLifetimeMs;
  const record = { id: newId(), text, expiresAtMs, spentAtMs: null };
  sandbox.commit({ put: 'captcha', record });
  const image = `data:image/svg+xml;base64,${Buffer.from(captchaImageOf(letters)).toString('base64')}`;
  return { status: 200, body: { captchaId: record.id, image } };
}

/** Rotated letters, so that our own code cannot simply read them. */
function captchaImageOf(letters: readonly string[]): string {
  const glyphs = letters.map((letter, index) => {
    const turn = randomInt(50) - 25;
    const x = 20 + index * 32;
    return `<text x="${x}" y="46" transform="rotate(${turn} ${x} 40)">${escapeHtml(letter)}</text>`;
  });
  return (
    '<svg xmlns="http://www.w3.org/2000/svg" width="220" height="70" role="img">' +
    '<rect width="220" height="70" fill="#eef"/><path d="M0 20 L220 55 M0 60 L220 15" stroke="#99a"/>' +
    `<g font-family="monospace" font-size="34" fill="#223">${glyphs.join('')}</g></svg>`
  );
}

/** @throws ApiError 400 captchaInvalid; every attempt uses up the captcha (assumed) */
export function spendCaptcha(sandbox: Sandbox, id: unknown, text: unknown): void {
  const captcha = typeof id === 'string' ? sandbox.state.get('captcha', id) : undefined;
  const nowMs = sandbox.clock.nowMs();
  const isValid = captcha !== undefined && captcha.spentAtMs === null && captcha.expiresAtMs > nowMs;
  if (isValid) sandbox.commit({ put: 'captcha', record: { ...captcha, spentAtMs: nowMs } });
  if (isValid && typeof text === 'string' && text.trim().toUpperCase() === captcha.text) return;
  throw new ApiError(400, 'captchaInvalid', 'the captcha was not solved');
}
