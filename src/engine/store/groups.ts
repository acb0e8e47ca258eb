/**
 * The items in groups of those that follow one another and belong together, which each is asked of the one before it.
 * @param longest how many there are in a group at most
 */
export function groups<T>(
  items: readonly T[],
  belong: (before: T, item: T) => boolean,
  longest = Number.POSITIVE_INFINITY,
): [T, ...T[]][] {
  const all: [T, ...T[]][] = [];
  let group: [T, ...T[]] | undefined;
  let before: T | undefined;
  for (const item of items) {
    if (group !== undefined && group.length < longest && belong(before as T, item)) {
      group.push(item);
    } else {
      group = [item];
      all.push(group);
    }
    before = item;
  }
  return all;
}
