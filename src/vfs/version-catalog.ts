/**
 * Which versions are kept of which path, in order, so that a directory of them can be listed.
 *
 * The versions themselves are the truth: the catalog is made of them when somebody first asks, follows what is kept
 * from then on, and is forgotten when nobody has asked for a while. It takes some 150 bytes a version while it is there.
 */
import { sortInSlices } from '../concurrency/sort-in-slices.ts'
import type { ByteString } from '../dfs.ts'
import type { Services } from './services.ts'
import { walkVersions } from './version-walk.ts'
import type { Versions } from './versions.ts'

/** A version by where it is kept. */
export interface CatalogedVersion {
  /** Of the file, 32 hex digits. */
  readonly id: string
  /** Its name there. */
  readonly time: string
}

const IDLE_MS = 300_000
const ID_BYTES = 16
const FILE_ID = /^[0-9a-f]{32}$/
/** No path has it; sorts before all that they have. */
const END = '\0'
/** What sorts right after `END` and after `/`. */
const [AFTER_END, AFTER_SLASH] = ['\x01', '0']

export class VersionCatalog {
  readonly #services: Services
  readonly #versions: Versions
  readonly #idleMs: number
  /** Sorted. */
  #keys: ByteString[] | undefined
  #making: Promise<ByteString[]> | undefined
  /** Kept while the catalog is made; a walk may have missed it. */
  #keptMeanwhile: ByteString[] = []
  #removals = 0
  #idle: NodeJS.Timeout | undefined

  constructor(services: Services, versions: Versions, { idleMs = IDLE_MS } = {}) {
    this.#services = services
    this.#versions = versions
    this.#idleMs = idleMs
    versions.onKept = (path, version) => this.#add(keyOf(path, version))
    versions.onRemoved = () => this.#forget()
  }

  /** Who comes while it is made shares the making. Fails as the disk fails. */
  async read(): Promise<CatalogView> {
    this.#idle ??= setTimeout(() => this.#forget(), this.#idleMs).unref()
    this.#idle.refresh()
    if (this.#keys !== undefined) return new CatalogView(this.#keys)
    this.#making ??= this.#make().finally(() => {
      this.#making = undefined
      this.#keptMeanwhile = []
    })
    return new CatalogView(await this.#making)
  }

  async #make(): Promise<ByteString[]> {
    const removals = this.#removals
    const found: ByteString[] = []
    for await (const version of walkVersions(this.#services, this.#versions.directory)) {
      const path = FILE_ID.test(version.id) ? version.read()?.path : undefined
      if (path !== undefined) found.push(keyOf(path, version))
    }
    const keys = await sortInSlices(found, compare)
    for (const key of this.#keptMeanwhile) insert(keys, key)
    // What was removed meanwhile may be in it: good for those who asked by now, and for nobody else.
    if (this.#removals === removals) this.#keys = keys
    return keys
  }

  #add(key: ByteString): void {
    if (this.#keys !== undefined) insert(this.#keys, key)
    else if (this.#making !== undefined) this.#keptMeanwhile.push(key)
  }

  #forget(): void {
    this.#removals++
    this.#keys = undefined
    clearTimeout(this.#idle)
    this.#idle = undefined
  }
}

/** The catalog as it is now: good until something else is waited for. */
export class CatalogView {
  readonly #keys: readonly ByteString[]

  constructor(keys: readonly ByteString[]) {
    this.#keys = keys
  }

  /** Whether versions of this path are kept, or of one below it. */
  has(path: ByteString): boolean {
    return [`${path}${END}`, `${path}/`].some((start) => this.#from(start)?.startsWith(start) === true)
  }

  /** Names right below a path ('' is the folder) of which `has` says yes. */
  namesIn(path: ByteString): Set<ByteString> {
    const inside = path === '' ? '' : `${path}/`
    const names = new Set<ByteString>()
    for (let key = this.#from(inside); key?.startsWith(inside); ) {
      const [name, after] = firstName(key, inside.length)
      names.add(name)
      key = this.#from(`${inside}${name}${after}`)
    }
    return names
  }

  /** Of this very path, the oldest first. */
  *versionsOf(path: ByteString): Generator<CatalogedVersion> {
    const start = `${path}${END}`
    for (let at = indexIn(this.#keys, start); this.#keys[at]?.startsWith(start); at++) {
      const rest = this.#keys[at]!.slice(start.length)
      const time = rest.slice(0, -ID_BYTES)
      yield { time, id: Buffer.from(rest.slice(-ID_BYTES), 'latin1').toString('hex') }
    }
  }

  #from(start: ByteString): ByteString | undefined {
    return this.#keys[indexIn(this.#keys, start)]
  }
}

function keyOf(path: ByteString, { id, time }: CatalogedVersion): ByteString {
  return `${path}${END}${time}${Buffer.from(id, 'hex').toString('latin1')}`
}

/** The name that begins at `from`, and what sorts after all that is of it. */
function firstName(key: ByteString, from: number): [name: ByteString, after: ByteString] {
  const slash = key.indexOf('/', from)
  const end = key.indexOf(END, from)
  return slash >= 0 && slash < end ? [key.slice(from, slash), AFTER_SLASH] : [key.slice(from, end), AFTER_END]
}

function insert(keys: ByteString[], key: ByteString): void {
  const at = indexIn(keys, key)
  if (keys[at] !== key) keys.splice(at, 0, key)
}

/** Of the first that does not sort before `start`. */
function indexIn(keys: readonly ByteString[], start: ByteString): number {
  let [low, high] = [0, keys.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if (keys[middle]! < start) low = middle + 1
    else high = middle
  }
  return low
}

function compare(one: ByteString, other: ByteString): number {
  return one < other ? -1 : one > other ? 1 : 0
}
