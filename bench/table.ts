import { passes, type CaseResult, type Figure, type Mark } from './rutter/bench-case.js';

/** A case that ran: its figures, or why there are none. */
export interface CaseReport {
  readonly name: string;
  readonly about: string;
  readonly seconds: number;
  readonly result?: CaseResult;
  readonly failure?: string;
}

const headings = ['case', 'figure', 'measured', 'mark', '', 'note'] as const;
const measuredColumn = 2;

/** One Markdown table of all figures, in the order of the cases: it can be copied into a document as it is. */
export function renderTable(reports: readonly CaseReport[]): string {
  const rows: string[][] = [[...headings]];
  for (const report of reports) {
    const figures = report.result?.figures ?? [];
    for (const figure of figures) rows.push(rowOf(report.name, figure));
    if (report.failure !== undefined)
      rows.push([report.name, 'did not finish', '', '', '', firstLine(report.failure)]);
  }
  const widths = headings.map((_, column) => Math.max(3, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    `| ${widths.map((width, column) => pad(row[column] ?? '', width, column)).join(' | ')} |`;
  const rule = `| ${widths.map((width, column) => (column === measuredColumn ? `${'-'.repeat(width - 1)}:` : '-'.repeat(width))).join(' | ')} |`;
  const [head = [], ...body] = rows;
  return [line(head), rule, ...body.map(line)].join('\n');
}

function rowOf(name: string, figure: Figure): string[] {
  const verdict = passes(figure);
  return [
    name,
    figure.name,
    withUnit(figure.value, figure),
    figure.mark === undefined ? '–' : describeMark(figure.mark, figure),
    verdict === undefined ? '' : verdict ? 'pass' : 'MISS',
    figure.note ?? '',
  ];
}

function describeMark(mark: Mark, figure: Figure): string {
  const sign = { at_most: '≤ ', at_least: '≥ ', exactly: '= ' }[mark.kind];
  // As it is written in the requirement, not with the digits of the measurement.
  return `${sign}${mark.value.toLocaleString('en-GB')}${figure.unit === '' ? '' : ` ${figure.unit}`}`;
}

function withUnit(value: number, figure: Figure): string {
  const digits = figure.digits ?? 0;
  const text = value.toLocaleString('en-GB', {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
  return figure.unit === '' ? text : `${text} ${figure.unit}`;
}

function pad(text: string, width: number, column: number): string {
  return column === measuredColumn ? text.padStart(width) : text.padEnd(width);
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? '';
}
