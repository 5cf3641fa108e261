/**
 * Tells whoever listens which objects of a folder are other than they were on the disk below, as stubs and directories say
 * it: what is only in the journal is no change yet.
 *
 * A change is told once it stands, and maybe more than once; that of an object may also be told where nothing differs in
 * the end. While nobody listens this costs nothing.
 */
import type { ByteString, ObjectChange } from '../dfs.ts'
import { RESERVED_NAME } from '../format/stored-name.ts'
import type { Inode, InodeTable } from './inode-table.ts'

export type OnObjectChange = (change: ObjectChange) => void

export class ChangeFeed {
  readonly #table: InodeTable
  readonly #listeners = new Set<OnObjectChange>()
  readonly #commitListeners = new Set<() => void>()

  constructor(table: InodeTable) {
    this.#table = table
  }

  /** Calls the listener, which must be quick, until the function it returns is called. */
  listen(listener: OnObjectChange): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /** Calls the listener, which must be quick, whenever something was committed that stubs do not say yet; until the function it returns is called. */
  listenToCommits(listener: () => void): () => void {
    this.#commitListeners.add(listener)
    return () => void this.#commitListeners.delete(listener)
  }

  committed(): void {
    for (const listener of this.#commitListeners) listener()
  }

  /** A name was made, taken away or given to another object, and so the directory changed that it is in. */
  name(parent: Inode, name: ByteString, isTree = false): void {
    if (this.#listeners.size === 0) return
    const directory = this.#pathOf(parent)
    if (directory === undefined) return
    this.#tell(directory, false)
    this.#tell(directory === '' ? name : `${directory}/${name}`, isTree)
  }

  /** What an object says of itself changed. */
  object(inode: Inode): void {
    if (this.#listeners.size === 0) return
    if (inode === this.#table.root) this.#tell('', false)
    for (const { parent, name } of inode.places) {
      const directory = this.#pathOf(parent)
      if (directory !== undefined) this.#tell(directory === '' ? name : `${directory}/${name}`, false)
    }
    if (inode.places.length > 0 || inode === this.#table.root) return
    for (const listener of this.#listeners) listener({ ino: inode.statIno, btimeNs: inode.btimeNs })
  }

  #tell(path: ByteString, isTree: boolean): void {
    if (path === RESERVED_NAME || path.startsWith(`${RESERVED_NAME}/`)) return
    for (const listener of this.#listeners) listener({ path, isTree })
  }

  /** As a person sees it; undefined for what is in no directory any more. */
  #pathOf(directory: Inode): ByteString | undefined {
    if (directory === this.#table.root) return ''
    const place = directory.places.at(-1)
    const parent = place && this.#pathOf(place.parent)
    if (place === undefined || parent === undefined) return undefined
    return parent === '' ? place.name : `${parent}/${place.name}`
  }
}
