#!/usr/bin/env node
// The operators' command. Node's version is checked first: an older one would fail with an unclear error. The sources are
// TypeScript, so their loader is registered before they are imported.
const nodeMin = [20, 19];
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < nodeMin[0] || (major === nodeMin[0] && minor < nodeMin[1])) {
  process.stderr.write(
    `Node ${process.versions.node} is too old: install Node ${nodeMin.join('.')} or newer.\n`,
  );
  process.exit(1);
}
await import('../scripts/load-typescript.js');
const { main } = await import('../src/cli/main.ts');
await main(process.argv.slice(2));
