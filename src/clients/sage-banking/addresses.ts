import { SageForeignAddress } from './errors.js';
import type { SageOperation } from './operations.js';

const loopbackNames: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]']);

/** What addresses that Sage names are held against. */
export interface KnownOrigins {
  readonly bankingOrigin: string;
  /** Exact origins that a poll route may have. */
  readonly linkOrigins: ReadonlySet<string>;
}

/**
 * The address of a poll route, before anything is sent there: whoever is asked learns what the customer does.
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
 * Checks where a person is to be sent: any https address, since banks have their own; http only
 * where the service itself is plain, as the sandbox is: to it, or to this machine. Credentials in it would make another host look like the one that is shown.
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
