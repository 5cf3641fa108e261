/**
 * What happened, as those who were told that it is durable remember it: which content was written, and which of it
 * somebody then knowingly replaced or deleted. What nobody did away with has to be there in the end, and what somebody
 * did away with must not be.
 */
import type { SyncEntry } from '../../../src/format/sync-entry.ts'
import type { Dot } from '../../../src/format/version-vector.ts'
import type { Shown } from '../../../src/sync/shown-tree.ts'
import { includes } from '../../../src/sync/version-vector.ts'
import { faceOf, isDirectory, textOf } from './device.ts'

/** One write of content, or the making of a directory. */
interface Write {
  readonly object: string
  readonly content: string
  readonly dot: Dot
  readonly device: number
  /** Its device was set back, and nobody else had it: it may be there or not. */
  isLost: boolean
  readonly replaced: Replacement[]
}

interface Replacement {
  readonly dot: Dot
  readonly object: string
  readonly device: number
  isLost: boolean
}

export class History {
  readonly #writes: Write[] = []
  readonly #directories: Write[] = []
  readonly #objects = new Set<string>()

  /** The ids of all objects that were made or deleted. */
  get objects(): ReadonlySet<string> {
    const replaced = [...this.#writes, ...this.#directories].flatMap((write) => write.replaced)
    return new Set([...this.#objects, ...[...this.#directories, ...replaced].map(({ object }) => object)])
  }

  wrote(object: string, content: string, dot: Dot, device: number): void {
    this.#objects.add(object)
    this.#writes.push({ object, content, dot, device, isLost: false, replaced: [] })
  }

  madeDirectory(object: string, dot: Dot, device: number): void {
    this.#directories.push({ object, content: '', dot, device, isLost: false, replaced: [] })
  }

  /** An entry, as it was shown to somebody who then replaced its content or deleted it, by this change. */
  replaced(entry: SyncEntry, dot: Dot, device: number): void {
    const replacement = { dot, device, object: entry.id, isLost: false }
    const writes = entry.kind === 'directory' ? this.#directories : this.#writes
    for (const write of writes) {
      // A copy is of one write, of another object.
      const isShown = (write.object === entry.id && isShownBy(write, entry)) || isFrom(write, entry)
      if (isShown) write.replaced.push(replacement)
    }
  }

  /** The device was set back; some of what it did is nowhere else. */
  setBack(device: number, isLost: (dot: Dot, object: string) => boolean): void {
    const all = [...this.#writes, ...this.#directories]
    for (const one of [...all, ...all.flatMap(({ replaced }) => replaced)]) {
      if (one.device === device && isLost(one.dot, one.object)) one.isLost = true
    }
  }

  /** What is wrong with the folder that all devices show in the end; undefined if nothing is. */
  fault(shown: readonly Shown[]): string | undefined {
    return this.#missing(shown) ?? this.#returned(shown) ?? this.#missingDirectory(shown)
  }

  #missing(shown: readonly Shown[]): string | undefined {
    const there = new Set(shown.filter((one) => !isDirectory(one)).map((one) => faceOf(one).content))
    const missing = this.#writes.find(
      (write) =>
        !write.isLost && !there.has(write.content) && !this.#alike(write).some(({ replaced }) => replaced.length > 0),
    )
    return missing && `${missing.content}, written by ${missing.device}, is lost`
  }

  /** A copy may be of what somebody went on from who did not know of the conflict; it is one while nothing that lasted was written to it. */
  #returned(shown: readonly Shown[]): string | undefined {
    const written = new Set(this.#writes.filter(({ isLost }) => !isLost).map(({ object }) => object))
    for (const one of shown) {
      if (isDirectory(one) || one.objects.some(({ entry }) => !written.has(entry.id))) continue
      const { content } = faceOf(one)
      const writes = this.#writes.filter((write) => write.content === content)
      const isAllowed = writes.some(({ replaced }) => !replaced.some(({ isLost }) => !isLost))
      if (!isAllowed) return `${content} was replaced or deleted, and is there again as ${one.name}`
    }
    return undefined
  }

  #missingDirectory(shown: readonly Shown[]): string | undefined {
    const there = new Set(shown.flatMap(({ objects }) => objects.map(({ entry }) => entry.id)))
    const missing = this.#directories.find(
      ({ object, isLost, replaced }) => !isLost && replaced.length === 0 && !there.has(object),
    )
    return missing && `the directory ${missing.object}, made by ${missing.device}, is lost`
  }

  /** Equal content of one object is one content, whoever wrote it. */
  #alike({ object, content }: Write): Write[] {
    return this.#writes.filter((write) => write.object === object && write.content === content)
  }
}

function isFrom({ dot }: Write, { content }: SyncEntry): boolean {
  return dot.writer === content.dot.writer && dot.counter === content.dot.counter
}

/** Whether this is the write that the entry shows, or one of the same content that its device knew of. */
function isShownBy(write: Write, { kind, content, version }: SyncEntry): boolean {
  if (kind === 'directory') return true
  return content.value !== undefined && write.content === textOf(content.value) && includes(version, write.dot)
}
