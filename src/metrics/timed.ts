import type { Backend } from '../backends/backend.ts';
import type { Store } from '../engine/store/store.ts';
import type { Metrics } from './metrics.ts';

/** A backend that tells how long the kernel needs. */
export function withApplyMetrics(backend: Backend, metrics: Metrics): Backend {
  return timed(backend, {
    apply: (seconds) => metrics.applied('apply', seconds),
    replace: (seconds) => metrics.applied('replace', seconds),
  });
}

/** A store that tells how long the disk needs. */
export function withCommitMetrics<S extends Store>(store: S, metrics: Metrics): S {
  return timed<S>(store, { append: (seconds: number) => metrics.committed(seconds) } as Timers<S>);
}

/** Who is told the seconds that a method took, whether it succeeded or not. */
type Timers<T> = { readonly [Name in keyof T]?: (seconds: number) => void };

/** The same object, some of whose methods are timed. It stays what it is when its interface grows. */
function timed<T extends object>(target: T, timers: Timers<T>): T {
  return new Proxy(target, {
    get(object, name) {
      // Methods reach private fields only on the object itself.
      const value: unknown = Reflect.get(object, name, object);
      if (typeof value !== 'function') return value;
      const timer = timers[name as keyof T];
      if (timer === undefined) return value.bind(object);
      return async (...given: unknown[]): Promise<unknown> => {
        const began = performance.now();
        try {
          return await value.apply(object, given);
        } finally {
          timer((performance.now() - began) / 1000);
        }
      };
    },
  });
}
