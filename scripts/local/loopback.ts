import { networkInterfaces } from 'node:os';

/** The loopback address of this machine: the one of IPv6 only where there is no other. */
export function loopbackAddress(): '127.0.0.1' | '::1' {
  const own = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  return own.some(({ internal, family }) => internal && family === 'IPv4') || own.length === 0
    ? '127.0.0.1'
    : '::1';
}

/** It as the host of a URL, or before a port. */
export function loopbackHost(): string {
  const address = loopbackAddress();
  return address === '::1' ? `[${address}]` : address;
}
