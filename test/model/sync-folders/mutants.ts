/** Faults in the sources, one line each: what random folders have to find. */
interface Mutant {
  readonly name: string
  /** In `src/sync/`. */
  readonly file: string
  /** Stands there once. */
  readonly line: string
  readonly instead: string
}

export const MUTANTS: readonly Mutant[] = [
  {
    name: 'nobody looks whether the disk is as it is known to be before it is changed',
    file: 'disk-apply.ts',
    line: 'check(left, this.#disk)',
    instead: '',
  },
  {
    name: 'what is moved is given the content that it is to have, whatever it has',
    file: 'disk-check.ts',
    line: 'for (const { from, before, after } of moves) requireKnown(from, { before, after }, disk)',
    instead: '',
  },
  {
    name: 'nobody sees that two names are no longer of one file',
    file: 'disk-homes.ts',
    line: 'if (has === otherHas ? comparePaths(home.path, path) < 0 : otherHas) return true',
    instead: '',
  },
]
