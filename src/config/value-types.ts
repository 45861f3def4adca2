import { isIP } from 'node:net';
import { z } from 'zod';
import { isTimeZone, timeZoneProblem } from '../domain/time-zone.js';

/** The kinds of values that variables have: durations, origins, lists, ports, tokens. */

const loopbackNames = new Set(['localhost', '127.0.0.1', '[::1]']);

const durationUnitsMs = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const durationPart = /(\d+)(ms|s|m|h|d)/g;

/** `URL.parse` for Node 20, which has only the throwing constructor. */
function parseUrl(text: string): URL | null {
  return URL.canParse(text) ? new URL(text) : null;
}

/** `24h`, `9m30s`, `500ms` as milliseconds. */
export const duration = z.string().transform((text, context) => {
  const parts = [...text.matchAll(durationPart)];
  if (parts.length === 0 || parts.map((part) => part[0]).join('') !== text) {
    context.addIssue({ code: 'custom', message: 'must be a duration such as 30s, 15m, 9m30s or 24h' });
    return z.NEVER;
  }
  return parts.reduce(
    (sum, part) => sum + Number(part[1]) * durationUnitsMs[part[2] as keyof typeof durationUnitsMs],
    0,
  );
});

/** Shorter intervals would keep the workers busy without any gain. */
export function atLeast(text: string): [check: (valueMs: number) => boolean, message: string] {
  const leastMs = duration.parse(text);
  return [(valueMs) => valueMs >= leastMs, `must be at least ${text}`];
}

/** Whether secrets may be sent to the URL: https, or plain http on this machine. */
export function isSecure(url: URL): boolean {
  return url.protocol === 'https:' || (url.protocol === 'http:' && loopbackNames.has(url.hostname));
}

/** An IANA name, such as `Europe/London`. */
export const timeZone = z.string().refine(isTimeZone, timeZoneProblem);

export const webOrigin = z.string().transform((text, context) => {
  const url = parseUrl(text);
  if (url === null || !/^https?:$/.test(url.protocol) || url.origin !== text.replace(/\/$/, '')) {
    context.addIssue({ code: 'custom', message: 'must be an origin such as https://link.rutterapi.com' });
    return z.NEVER;
  }
  return url.origin;
});
export const list = <T extends z.ZodType<string, string>>(item: T) =>
  z
    .string()
    .transform((text) =>
      text
        .split(',')
        .map((part) => part.trim())
        .filter((part) => part !== ''),
    )
    .pipe(z.array(item).min(1, 'must name at least one'));
export const httpUrl = z
  .string()
  .refine((text) => /^https?:$/.test(parseUrl(text)?.protocol ?? ''), 'must be an http(s) URL');
export const publicUrl = httpUrl.refine((text) => {
  const url = parseUrl(text);
  return (
    url !== null && url.pathname === '/' && (url.protocol === 'https:' || loopbackNames.has(url.hostname))
  );
}, 'must be https without a path (plain http only on localhost: browsers drop the session cookie elsewhere)');
export const port = z.coerce.number().int().min(0).max(65_535);
export const token = z
  .string()
  .min(24, 'must have at least 24 characters')
  .regex(/^\S+$/, 'must contain no white space');

/** As Express accepts them for `trust proxy`: an address, a network, or a name of the common private networks. */
export const proxyNetwork = z.string().refine((text) => {
  if (['loopback', 'linklocal', 'uniquelocal'].includes(text)) return true;
  const [address = '', prefix, ...rest] = text.split('/');
  const bits = { 0: -1, 4: 32, 6: 128 }[isIP(address)] ?? -1;
  if (bits < 0 || rest.length > 0) return false;
  return prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= bits);
}, 'must be IP addresses or networks such as 10.0.0.0/8, or loopback, linklocal, uniquelocal');

export const secureOrigin = webOrigin.refine(
  (origin) => isSecure(new URL(origin)),
  'must be https (plain http only on localhost)',
);
