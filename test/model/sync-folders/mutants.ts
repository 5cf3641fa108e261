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
    name: 'what is found on the disk is compared with what it is to show',
    file: 'disk-index.ts',
    line: 'return onDisk === undefined ? this.#index.get(id) : onDisk.entry',
    instead: 'return this.#index.get(id)',
  },
  {
    name: 'what we have half done is taken for what a person did',
    file: 'disk-homes.ts',
    line: 'if (this.#index.behind.size === 0) return false\n    const wanted = await shownAt(this.#after, path)\n    const known',
    instead: 'return false\n    const wanted = await shownAt(this.#after, path)\n    const known',
  },
  {
    name: 'what is moved is given the content that it is to have, whatever it has',
    file: 'disk-check.ts',
    line: 'for (const { from, before, after } of moves) requireKnown(from, { before, after }, disk)',
    instead: '',
  },
  {
    name: 'what was done by now is done again',
    file: 'disk-check.ts',
    line: 'const moved = plan.moves.filter((move) => isMoved(move, disk))',
    instead: 'const moved = plan.moves.filter(() => false)',
  },
  {
    name: 'a directory goes before what is in it',
    file: 'disk-apply.ts',
    line: 'leaving.sort((a, b) => comparePaths(b.from, a.from))',
    instead: 'leaving.sort((a, b) => comparePaths(a.from, b.from))',
  },
  {
    name: 'a copy is taken for what it was copied from',
    file: 'disk-homes.ts',
    line: "return found !== undefined && typeof found === 'object' && found.id === id && found.identity !== identity",
    instead: 'return false',
  },
  {
    name: 'nobody sees that two names are no longer of one file',
    file: 'disk-homes.ts',
    line: 'if (has === otherHas ? comparePaths(home.path, path) < 0 : otherHas) return true',
    instead: '',
  },
  {
    name: 'what is gone is deleted at once, and not looked for elsewhere',
    file: 'disk-scan.ts',
    line: 'left = await this.#takeIn()',
    instead: 'await this.#removeGone()\n      left = await this.#takeIn()',
  },
]
