/**
 * `.dfs/versions` as programs see it: for each path of which versions are kept a directory of that path, with the versions in it,
 * `photos/a.jpg/20261122T203015.042Z.jpg`. A version is called by the time that `dfs history` shows, and ends as the file does, so that
 * programs know what it is.
 *
 * The directories are nowhere on the disk and are made when they are looked up; the versions are the stubs that are kept, and read as
 * any other file. Nothing of it can be changed: all of it is below `.dfs`.
 */
import type { ByteString } from '../dfs.ts'
import { STUB_SUFFIX } from '../format/stored-name.ts'
import { MODE, type Stat, statAt } from '../posix/stat.ts'
import { contentHash } from '../seal/hash.ts'
import { attributesOf } from './attributes.ts'
import type { Inode } from './inode-table.ts'
import type { Namespace } from './namespace.ts'
import type { Attributes, DirectoryEntry } from './operations.ts'
import type { Services } from './services.ts'
import { type CatalogedVersion, type CatalogView, VersionCatalog } from './version-catalog.ts'
import { VERSIONS_DIRECTORY, type Versions } from './versions.ts'

/** Of what is on no disk. */
const NO_DEVICE = -1
/** In `.dfs`; no object of the disk can be called so. */
const ROOT_NAME = `${VERSIONS_DIRECTORY}/`
const READABLE = MODE.DIRECTORY | 0o500
/** Longer endings say nothing of what a file is. */
const EXTENSION = /(?<=.)\.[^. ]{1,31}$/s
/** Above the numbers that disks give. */
const INO_BASE = 2 ** 52
const INO_BYTES = 6

export class VersionsView {
  readonly #services: Services
  readonly #versions: Versions
  readonly #names: Namespace
  readonly #catalog: VersionCatalog

  constructor(services: Services, { versions, names }: { versions: Versions; names: Namespace }) {
    this.#services = services
    this.#versions = versions
    this.#names = names
    this.#catalog = new VersionCatalog(services, versions)
  }

  /** Whether it is one of the directories that are on no disk. */
  owns({ dev }: Inode): boolean {
    return dev === NO_DEVICE
  }

  /** Whether what a name stands for is shown here. */
  shows(directory: Inode, name: ByteString): boolean {
    return this.owns(directory) || (name === VERSIONS_DIRECTORY && directory === this.#versions.directory.place.parent)
  }

  /** Of what `shows` says yes to. Adds a lookup. */
  async lookup(directory: Inode, name: ByteString): Promise<Attributes | undefined> {
    if (!this.owns(directory)) return this.#found(this.#directoryIn(directory, ROOT_NAME))
    const catalog = await this.#catalog.read()
    const path = pathOf(directory)
    if (catalog.has(joined(path, name))) return this.#found(this.#directoryIn(directory, name))
    const version = named(catalog, path).get(name)
    return version === undefined ? undefined : this.#lookupVersion(version)
  }

  /** Of a directory that it owns. */
  attributes(directory: Inode): Attributes {
    const { tree } = this.#services
    const stat = tree.stat(this.#versions.directory)
    return attributesOf(directory, { ...stat, mode: READABLE, nlink: 1, size: 0, blocks: 0 })
  }

  /** As `listDirectory`, of a directory that it owns. */
  async list(directory: Inode): Promise<DirectoryEntry[]> {
    const catalog = await this.#catalog.read()
    const path = pathOf(directory)
    const entries: DirectoryEntry[] = [
      { name: '.', ino: directory.statIno, type: 'directory' },
      { name: '..', ino: directory.place.parent.statIno, type: 'directory' },
    ]
    for (const name of catalog.namesIn(path)) {
      entries.push({ name, ino: this.#inoOf(joined(path, name)), type: 'directory' })
    }
    for (const [name, version] of named(catalog, path)) {
      const stat = this.#stat(version)
      if (stat !== undefined) entries.push({ name, ino: stat.ino, type: 'file' })
    }
    return entries
  }

  #found(directory: Inode): Attributes {
    directory.lookups++
    return this.attributes(directory)
  }

  #directoryIn(parent: Inode, name: ByteString): Inode {
    const known = parent.children.get(name)
    if (known !== undefined) return known
    const { table, tree } = this.#services
    const stat = tree.stat(this.#versions.directory)
    const path = this.owns(parent) ? joined(pathOf(parent), name) : ''
    let ino = this.#inoOf(path)
    while (table.peek({ dev: NO_DEVICE, ino, btimeNs: 0n }) !== undefined) ino++
    return table.intern({ ...stat, dev: NO_DEVICE, ino, btimeNs: 0n }, 'directory', parent, name)
  }

  /** Undefined if it went meanwhile. */
  #lookupVersion({ id, time }: CatalogedVersion): Attributes | undefined {
    const directory = this.#names.find(this.#versions.directory, id)?.inode
    if (directory?.kind !== 'directory') return undefined
    try {
      return this.#names.lookup(directory, time)
    } finally {
      this.#services.table.release(directory)
    }
  }

  #stat({ id, time }: CatalogedVersion): Stat | undefined {
    return statAt(this.#services.tree.directoryFd(this.#versions.directory), `${id}/${time}${STUB_SUFFIX}`)
  }

  /** The number shown for a directory: of two paths hardly ever the same. */
  #inoOf(path: ByteString): number {
    return INO_BASE + contentHash(this.#services.keys, Buffer.from(path, 'latin1')).readUIntBE(0, INO_BYTES)
  }
}

/** The path of which the versions in a directory are. */
function pathOf({ place: { parent, name } }: Inode): ByteString {
  return parent.dev === NO_DEVICE ? joined(pathOf(parent), name) : ''
}

function joined(path: ByteString, name: ByteString): ByteString {
  return path === '' ? name : `${path}/${name}`
}

/** Versions of a path by the names they are shown under; numbered where two would have one, or another path stands there. */
function named(catalog: CatalogView, path: ByteString): Map<ByteString, CatalogedVersion> {
  const found = new Map<ByteString, CatalogedVersion>()
  const extension = EXTENSION.exec(path.slice(path.lastIndexOf('/') + 1))?.[0] ?? ''
  for (const version of catalog.versionsOf(path)) {
    let name = `${version.time}${extension}`
    for (let count = 2; found.has(name) || catalog.has(joined(path, name)); count++) {
      name = `${version.time}-${count}${extension}`
    }
    found.set(name, version)
  }
  return found
}
