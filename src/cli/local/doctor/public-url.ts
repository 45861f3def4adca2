import { z } from 'zod';
import type { ApiConfig } from '../../../config.js';
import { failed, ok, skipped, textOf, warning, type Check, type Finding } from './check.js';

/** Of one request through the public URL. */
const answerMs = 8_000;
/** Far more than /readyz answers. */
const textMax = 10_000;
/** Of another system's page, in the report. */
const shownMax = 300;

/**
 * What browsers and monitors see through PUBLIC_URL: /readyz, and the pages of the login, whose headers a proxy must not
 * change. Nothing is sent that counts as a login: without a challenge, /login refuses.
 */
export function publicUrlChecks(api: ApiConfig | null): Check[] {
  const whenThere = (id: string, run: (api: ApiConfig, signal: AbortSignal) => Promise<Finding>): Check => ({
    id,
    run: async (signal) => {
      if (api === null) return skipped('needs the variables of the API');
      try {
        return await run(api, AbortSignal.any([signal, AbortSignal.timeout(answerMs)]));
      } catch (error) {
        return failed(
          `${api.publicUrl}: ${reasonOf(error)}`,
          'Start the API, and check PUBLIC_URL, and from this machine name resolution, proxy and certificate.',
        );
      }
    },
  });
  return [
    whenThere('api', async ({ publicUrl, OPS_API_TOKEN }, signal) => {
      const url = `${publicUrl}/readyz`;
      const open = await get(url, signal);
      // Only our API gets the token, and only when there is something to explain.
      if (!hasDetails(open.text)) return readyFinding({ status: open.response.status, text: open.text });
      const full = await get(url, signal, { authorization: `Bearer ${OPS_API_TOKEN}` });
      return readyFinding({ status: full.response.status, text: full.text });
    }),
    whenThere('login-page', async (config, signal) => {
      const login = await get(`${config.publicUrl}/login`, signal);
      // The page that gives a browser the cookie which the login uses as well.
      const status = await get(`${config.publicUrl}/status/sign-in`, signal);
      return loginPageFinding({
        publicUrl: config.publicUrl,
        frameAncestors: config.SAGE_FRAME_ANCESTORS,
        status: login.response.status,
        headers: login.response.headers,
        cookies: status.response.headers.getSetCookie(),
      });
    }),
  ];
}

async function get(
  url: string,
  signal: AbortSignal,
  headers: Readonly<Record<string, string>> = {},
): Promise<{ response: Response; text: string }> {
  const response = await fetch(url, {
    redirect: 'manual',
    signal,
    headers: { accept: 'text/html,application/json', ...headers },
  });
  return { response, text: (await response.text()).slice(0, textMax) };
}

function reasonOf(error: unknown): string {
  if (error instanceof Error && error.name === 'TimeoutError') {
    return `no answer within ${String(answerMs / 1_000)} s`;
  }
  // Node hides the reason of a failed request in the cause.
  return textOf(error instanceof Error && error.cause !== undefined ? error.cause : error);
}

const readinessSchema = z.object({
  ready: z.boolean(),
  degraded: z
    .array(z.object({ part: z.string(), code: z.string().optional(), cause: z.string().optional() }))
    .default([]),
});

/** Whether it is an answer of our API that says more to an operator. */
export function hasDetails(text: string): boolean {
  const body = readinessSchema.safeParse(parseJson(text)).data;
  return body !== undefined && (!body.ready || body.degraded.length > 0);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Of /readyz: 200 when the API is ready; the body says what is degraded. A proxy may keep it from the outside. */
export function readyFinding(answer: { status: number; text: string }): Finding {
  const body = readinessSchema.safeParse(parseJson(answer.text)).data;
  if (answer.status === 200 && body !== undefined) {
    const causes = body.degraded.map(
      ({ part, code, cause }) => `${part}: ${cause ?? code ?? 'no cause given'}`,
    );
    if (causes.length === 0) return ok('ready, nothing degraded');
    return warning(
      `ready, but degraded: ${causes.join('; ')}`,
      'See "/readyz" in docs/operations/processes.md for the part.',
    );
  }
  if (answer.status === 503) {
    const text = answer.text.slice(0, shownMax);
    return failed(`not ready: ${text}`, 'The body names the part; its own check here says more.');
  }
  // Another system that answers so is found by the check of the login page.
  if (answer.status === 404) {
    return skipped(
      '/readyz is not published through PUBLIC_URL, as docs/operations/proxy.md has it: ask the API itself',
    );
  }
  return failed(
    `/readyz answered ${String(answer.status)}`,
    'PUBLIC_URL, or a proxy, leads to another system: point it at the API, and let it pass all paths.',
  );
}

export interface LoginPageAnswer {
  readonly publicUrl: string;
  /** As configured. */
  readonly frameAncestors: readonly string[];
  readonly status: number;
  readonly headers: Pick<Headers, 'get'>;
  /** `Set-Cookie` of a page that begins a session. */
  readonly cookies: readonly string[];
}

/** Without a challenge the page refuses, with all its headers. */
const refusedStatus = 400;
const cookieName = '__Host-bankfeeds';

/** Sage shows the login in a frame or a pop-up: each of these breaks it for all customers. */
export function loginPageFinding(answer: LoginPageAnswer): Finding {
  const problems = [...arrivalProblems(answer), ...headerProblems(answer), ...cookieProblems(answer)];
  if (problems.length > 0) {
    return failed(
      problems.join('; '),
      'Let the proxy pass headers and cookies of the pages unchanged, add none, and set X-Forwarded-Proto; put its address into TRUSTED_PROXIES.',
    );
  }
  if (answer.publicUrl.startsWith('http:')) {
    return warning(
      'headers and cookie are right, over plain http on this machine',
      'For customers set PUBLIC_URL to an https origin: Sage frames no plain http page.',
    );
  }
  return ok('https; frame-ancestors, cookie, opener and referrer policies arrive unchanged');
}

function arrivalProblems({ status, headers }: LoginPageAnswer): string[] {
  if (status === refusedStatus) return [];
  const location = headers.get('location');
  const to = location === null ? '' : ` and leads to ${location}`;
  return [`/login answered ${String(status)}${to} instead of refusing a request without a challenge`];
}

function headerProblems({ headers, frameAncestors, publicUrl }: LoginPageAnswer): string[] {
  const policies = (headers.get('content-security-policy') ?? '').split(/[;,]/).map((part) => part.trim());
  const ancestors = policies.filter((part) => part.startsWith('frame-ancestors'));
  const allowed = new Set(ancestors.flatMap((part) => part.split(/\s+/).slice(1)));
  const missing = frameAncestors.filter((host) => !allowed.has(host));
  const forbidden = ['Cross-Origin-Opener-Policy', 'X-Frame-Options'].filter((name) => headers.get(name));
  const noHsts = publicUrl.startsWith('https:') && headers.get('strict-transport-security') === null;
  return [
    ...(ancestors.length === 0 ? ['Content-Security-Policy has no frame-ancestors'] : []),
    ...(ancestors.length > 0 && missing.length > 0 ? [`frame-ancestors lacks ${missing.join(' ')}`] : []),
    ...(ancestors.length > 1 ? ['there are two frame-ancestors, of which browsers apply both'] : []),
    ...forbidden.map((name) => `${name} is set (${String(headers.get(name))})`),
    ...(headers.get('referrer-policy') === 'same-origin' ? [] : ['Referrer-Policy is not same-origin']),
    ...(noHsts ? ['Strict-Transport-Security is missing'] : []),
  ];
}

function cookieProblems({ cookies }: LoginPageAnswer): string[] {
  const cookie = cookies.find((text) => text.startsWith(`${cookieName}=`));
  if (cookie === undefined) return [`the session cookie ${cookieName} is not set`];
  const attributes = cookie.split(';').map((part) => part.trim().toLowerCase());
  const wanted = ['secure', 'httponly', 'samesite=none', 'partitioned', 'path=/'];
  const missing = wanted.filter((attribute) => !attributes.includes(attribute));
  const hasDomain = attributes.some((attribute) => attribute.startsWith('domain='));
  return [
    ...(missing.length > 0 ? [`the session cookie lacks ${missing.join(', ')}`] : []),
    ...(hasDomain ? ['the session cookie has a Domain'] : []),
  ];
}
