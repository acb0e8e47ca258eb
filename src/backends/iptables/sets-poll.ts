import { interval, Poll } from './poll.ts';

/** With sets of a million entries a look takes 20 ms. */
const leisure = 50;

interface SetsPollOptions {
  /** Whether the sets hold what they should. It may reject: then somebody has to look. */
  readonly look: () => Promise<boolean>;
  readonly disturbed: () => void;
}

/** Tells when others change the sets of lists, of which the kernel tells nobody, until closed. */
export class SetsPoll extends Poll {
  constructor({ look, disturbed }: SetsPollOptions) {
    super({
      first: interval,
      leisure,
      look: () =>
        look().then(
          (holds) => !holds,
          () => true,
        ),
      disturbed,
    });
  }
}
