import { demoCustomer } from './demo-customer.js';
import { sandboxOrigins } from './role-environment.js';
import type { RunningService } from './start-service.js';

/** The table after a start: all addresses, the tokens of the two machine roles, and a login. */
export function addressTable(service: RunningService): string {
  const { settings, tokens } = service;
  const url = settings.publicUrl;
  const sandbox = sandboxOrigins(settings);
  const rows: [what: string, where: string][] = [
    ['API', `${url}/v1`],
    ['API reference', `${url}/docs`],
    ...(settings.rutterApiUrl === undefined
      ? ([
          ['Connect a bank in Sage (sandbox)', `${sandbox.screens}/`],
          ['Rutter sandbox', sandbox.rutter],
          ['Banking Service sandbox', sandbox.banking],
        ] as [string, string][])
      : []),
    ['Customer pages', `${url}/status`],
    ...(service.temporalUiUrl === undefined
      ? []
      : ([['Temporal UI', service.temporalUiUrl]] as [string, string][])),
    ['CORE_API_TOKEN', tokens.core],
    ['OPS_API_TOKEN', tokens.ops],
    ['Demo login', `${demoCustomer.username} / ${tokens.demoPassword}`],
    ['Logs', service.logs],
  ];
  const width = Math.max(...rows.map(([what]) => what.length));
  return rows.map(([what, where]) => `  ${what.padEnd(width)}  ${where}`).join('\n');
}
