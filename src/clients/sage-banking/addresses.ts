import { SageForeignAddress } from './errors.js';
import type { SageOperation } from './operations.js';

const loopbackNames: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]']);

/** The origins that addresses in Sage's answers are checked against. */
export interface KnownOrigins {
  readonly bankingOrigin: string;
  /** Exact origins that a poll route may have. */
  readonly linkOrigins: ReadonlySet<string>;
}

/**
 * Checks the address of a poll route before anything is sent there, since a request shows what the customer does.
 *
 * @throws SageForeignAddress
 */
export function pollAddress(
  { linkOrigins }: KnownOrigins,
  { operation, pollRoute }: { operation: SageOperation; pollRoute: string },
): URL {
  const url = parse(operation, pollRoute);
  if (!linkOrigins.has(url.origin) || hasCredentials(url)) throw foreign(operation, url);
  return url;
}

/**
 * Checks the address to which a customer is redirected: any https address, since banks have their own. http is allowed
 * only where Sage's origin itself is http (the sandbox), to that origin or a loopback host. Credentials in the address
 * are refused: they can make a foreign host look like a known one.
 *
 * @throws SageForeignAddress
 */
export function checkRedirect(
  { bankingOrigin }: KnownOrigins,
  { operation, redirect }: { operation: SageOperation; redirect: string },
): void {
  const url = parse(operation, redirect);
  const mayBePlain =
    bankingOrigin.startsWith('http:') && (url.origin === bankingOrigin || loopbackNames.has(url.hostname));
  const isAllowed = url.protocol === 'https:' || (url.protocol === 'http:' && mayBePlain);
  if (!isAllowed || hasCredentials(url)) throw foreign(operation, url);
}

function hasCredentials(url: URL): boolean {
  return url.username !== '' || url.password !== '';
}

function parse(operation: SageOperation, text: string): URL {
  if (!URL.canParse(text)) throw new SageForeignAddress({ operation, host: 'no address' });
  return new URL(text);
}

function foreign(operation: SageOperation, url: URL): SageForeignAddress {
  return new SageForeignAddress({ operation, host: url.host === '' ? url.protocol : url.host });
}
