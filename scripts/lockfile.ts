/** The used part of package-lock.json: its entries by folder, such as `node_modules/a/node_modules/b`. */
export interface Lockfile {
  packages: Record<string, { optionalDependencies?: Record<string, string> }>;
}

/**
 * Optional dependencies without an entry. They occur if the builds of a package for other platforms are missing from the
 * registry; `npm ci` then refuses the file on those platforms, or everywhere.
 *
 * @returns `package needs name` for each missing entry; empty if the file is complete
 */
export function missingOptionalEntries(lock: Lockfile): string[] {
  const missing: string[] = [];
  for (const [folder, entry] of Object.entries(lock.packages)) {
    for (const name of Object.keys(entry.optionalDependencies ?? {})) {
      if (!isLocked(lock, folder, name)) missing.push(`${folder || 'the project'} needs ${name}`);
    }
  }
  return missing;
}

/** Searches like Node: in the folder's own node_modules, then in that of each parent folder. */
function isLocked(lock: Lockfile, folder: string, name: string): boolean {
  const steps = folder === '' ? [] : folder.split('/node_modules/');
  for (let depth = steps.length; depth >= 0; depth -= 1) {
    const outer = steps.slice(0, depth).join('/node_modules/');
    if ((outer === '' ? `node_modules/${name}` : `${outer}/node_modules/${name}`) in lock.packages)
      return true;
  }
  return false;
}
