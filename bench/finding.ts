import { median } from './statistics.ts';

/** Every repetition of one measurement. */
export interface Series {
  readonly name: string;
  readonly unit: 'ms' | 'requests/s' | 'packets/s' | 'MB';
  readonly values: readonly number[];
}

/** A line of the table. */
export interface Row {
  readonly work: string;
  readonly result: string;
  readonly target: string;
  /** Undefined where nothing was promised. */
  readonly met: boolean | undefined;
  /** The rivals of the same run. */
  readonly beside: string;
}

export interface Findings {
  readonly rows: readonly Row[];
  readonly series: readonly Series[];
}

/** Series out of samples that several names share. */
export function seriesOf<Sample>(
  unit: Series['unit'],
  samples: Readonly<Record<string, readonly Sample[]>>,
  value: (sample: Sample) => number,
  suffix = '',
): Series[] {
  return Object.entries(samples).map(([name, all]) => ({ name: `${name}${suffix}`, unit, values: all.map(value) }));
}

/** A series for people: its name and its median. */
export function describe({ name, unit, values }: Series): string {
  return `${name} ${amount(median(values), unit)}`;
}

/** A number with its unit: three digits that count, and all of those before the point. */
export function amount(value: number, unit: Series['unit']): string {
  if (unit === 'ms' && value >= 10_000) return `${(value / 1000).toFixed(1)} s`;
  if (unit === 'packets/s') return `${(value / 1000).toFixed(0)} kpps`;
  return `${value >= 100 ? value.toFixed(0) : value.toPrecision(3)} ${unit}`;
}

/** How many times as much. */
export function times(ratio: number): string {
  return `${ratio.toFixed(2)} ×`;
}
