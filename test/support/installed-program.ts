import { access, constants } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * The path of a program that a test runs the service behind.
 *
 * @throws Error with one sentence that names the Debian package, if it is not installed
 */
export async function installedProgram(name: string): Promise<string> {
  // Debian keeps servers in /usr/sbin, which not every account has in its PATH.
  for (const folder of [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin', '/usr/bin']) {
    const path = join(folder, name);
    const runs = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (runs) return path;
  }
  throw new Error(
    `This test needs the program ${name}: install it, on Debian with "apt-get install ${name}".`,
  );
}
