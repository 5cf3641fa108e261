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
    file: 'disk-scan.ts',
    line: 'this.#before = new ShownTree(index.onDisk, deviceName)',
    instead: 'this.#before = new ShownTree(index, deviceName)',
  },
  {
    name: 'what is moved is given the content that it is to have, whatever it has',
    file: 'disk-check.ts',
    line: 'for (const { from, before, after } of moves) requireKnown(from, { before, after }, disk)',
    instead: '',
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
    name: 'what loses a conflict becomes no copy',
    file: 'index-change.ts',
    line: 'if (copy !== undefined) await this.#mergeLatest(copy)',
    instead: '',
  },
  {
    name: 'files that are missing are taken for removed',
    file: 'folder-sync.ts',
    line: "if (answer === 'restore') return this.#forgetOnDisk(missing.ids)",
    instead: 'return',
  },
  {
    name: 'the disk counts as having what others did',
    file: 'index-change.ts',
    line: 'this.#unshown.add(entry.id)',
    instead: '',
  },
]
