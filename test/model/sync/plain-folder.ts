/** A folder of one device, as simple as can be: what devices show that hear of each change before the next. */
import type { ObjectKind, SyncAttributes } from '../../../src/format/sync-entry.ts'
import type { Done } from './world.ts'

interface PlainObject {
  readonly kind: ObjectKind
  content: string
  mtimeNs: bigint
  attributes: SyncAttributes
}

export class PlainFolder {
  /** Names of one object have one value. */
  readonly #objects = new Map<string, PlainObject>()

  carryOut(done: Done): void {
    switch (done.kind) {
      case 'create':
        this.#create(done)
        return
      case 'edit':
        Object.assign(this.#objects.get(done.path)!, { content: done.content, mtimeNs: done.mtimeNs })
        return
      case 'chmod':
        this.#objects.get(done.path)!.attributes = done.attributes
        return
      case 'link':
        this.#objects.set(done.to, this.#objects.get(done.path)!)
        return
      case 'remove':
        this.#objects.delete(done.path)
        return
      case 'rename':
        this.#rename(done.path, done.to)
    }
  }

  /** By path; objects with several names say by a number which they are. */
  view(): Map<string, object> {
    const numbers = new Map<PlainObject, number>()
    const paths = [...this.#objects.keys()].sort()
    return new Map(
      paths.map((path) => {
        const object = this.#objects.get(path)!
        const { kind, content, mtimeNs, attributes } = object
        if (!numbers.has(object)) numbers.set(object, numbers.size)
        return [path, { kind, content, attributes: { ...attributes, mtimeNs }, object: numbers.get(object) }]
      }),
    )
  }

  #create({ path, is: kind, content, mtimeNs, attributes }: Extract<Done, { kind: 'create' }>): void {
    this.#objects.set(path, { kind, content, mtimeNs, attributes })
  }

  #rename(from: string, to: string): void {
    if (from === to) return
    for (const [path, object] of [...this.#objects]) {
      if (path !== from && !path.startsWith(`${from}/`)) continue
      this.#objects.delete(path)
      this.#objects.set(to + path.slice(from.length), object)
    }
  }
}
