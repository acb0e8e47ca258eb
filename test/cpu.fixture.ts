import { readFileSync } from 'node:fs';

/** Milliseconds of processor time that a process and the children that it has waited for have used: proc(5), stat. */
export function processorTime(pid: number): number {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The name of the program, in brackets, may hold blanks. After it come fields 3 and following; 14 to 17 are utime,
  // stime, cutime and cstime in ticks of 10 ms.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return fields.slice(11, 15).reduce((sum, ticks) => sum + 10 * Number(ticks), 0);
}
