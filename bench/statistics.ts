/** Arithmetic of small samples. All throw on an empty sample: that is a mistake of the benchmark. */

export function median(values: readonly number[]): number {
  return percentile(values, 50);
}

/** Linear interpolation between the two nearest ranks; `percent` from 0 to 100. */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = [...values].sort((left, right) => left - right);
  const place = ((sorted.length - 1) * percent) / 100;
  const below = sorted[Math.floor(place)];
  const above = sorted[Math.ceil(place)];
  if (below === undefined || above === undefined) throw new Error('no values');
  return below + (above - below) * (place - Math.floor(place));
}

export function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** `9.9 … 10.4` */
export function spread(values: readonly number[], digits: number): string {
  return `${Math.min(...values).toFixed(digits)} … ${Math.max(...values).toFixed(digits)}`;
}
