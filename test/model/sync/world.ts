/**
 * Two to four devices, the network between them, and what befalls them.
 *
 * The network loses, doubles and reorders; links break and come back; devices stop at any point and go on from what is
 * durable; the disk of one is put back to an older state.
 */
import type { ObjectKind, SyncAttributes, SyncContent, SyncEntry } from '../../../src/format/sync-entry.ts'
import type { Dot } from '../../../src/format/version-vector.ts'
import type { MemorySyncStore } from '../../../src/sync/memory-sync-store.ts'
import { type Directory, ROOT, type Shown } from '../../../src/sync/shown-tree.ts'
import { includes } from '../../../src/sync/version-vector.ts'
import { Device, type Envelope, idsOf, isDirectory, type Rules, type ShownPath, textOf } from './device.ts'
import { History } from './history.ts'
import type { LocalStep, Plan, Step } from './steps.ts'

const NAMES = ['a', 'b', 'B.txt', 'e\xcc\x81', '\xc3\xa9']
const MODES = [0o644, 0o600, 0o755]
const START_MS = Date.UTC(2026, 10, 23)
const STEP_MS = 1000
/** The device whose disk can be put back. */
const ROLLED = 0
/** Rounds after which devices that can all talk have to be done. */
const ROUNDS_MAX = 200

export class World {
  readonly devices: Device[]
  readonly history = new History()
  /** What people did, in its order. */
  readonly done: Done[] = []
  #messages: Envelope[] = []
  #backup: MemorySyncStore | undefined
  #step = 0
  #objects = 0

  constructor({ devices, clocks }: Pick<Plan, 'devices' | 'clocks'>, rules?: Rules) {
    const send = (envelope: Envelope) => this.#messages.push(envelope)
    this.devices = Array.from({ length: devices }, (_, number) => {
      const clock = () => START_MS + clocks[number]! + this.#step * STEP_MS
      return new Device(number, { send, clock, rules })
    })
  }

  /** All devices have what these steps make, and are connected. */
  async start(steps: readonly LocalStep[]): Promise<void> {
    for (const device of this.devices) await device.start()
    await this.connectAll()
    for (const step of steps) await this.change(step)
    await this.settle()
  }

  async connectAll(): Promise<void> {
    for (const a of this.devices) for (const b of this.devices) if (a.number < b.number) await this.#connect(a, b)
  }

  async run(step: Step): Promise<void> {
    this.#step++
    switch (step.kind) {
      case 'deliver':
        return this.#deliver(step.message)
      case 'lose':
        this.#messages.splice(step.message % (this.#messages.length + 1), 1)
        return
      case 'double':
        this.#messages.push(...this.#messages.slice(step.message % (this.#messages.length + 1)).slice(0, 1))
        return
      case 'settle':
        return this.#settlePair(this.#device(step.device), this.#device(step.other))
      case 'connect':
      case 'disconnect': {
        const [a, b] = [this.#device(step.device), this.#device(step.other)]
        if (a === b) return
        return step.kind === 'connect' ? this.#connect(a, b) : this.#disconnect(a, b)
      }
      case 'crash':
        return this.#crash(this.#device(step.device), step.actions)
      case 'idle':
        return this.#device(step.device).tellAll('idle')
      case 'back-up':
        this.#backup = this.devices[ROLLED]!.store.copy()
        return
      case 'set-back':
        return this.#setBack()
      default:
        return this.change(step)
    }
  }

  /** Something that a person does on a device, to what is shown there then. */
  async change(step: LocalStep): Promise<void> {
    const device = this.#device(step.device)
    await this.#change(device, step)
    await device.tellAll('changed')
  }

  /** All links are up and lose nothing; ends when nobody has anything to say. Whether it did. */
  async settle(): Promise<boolean> {
    for (let round = 0; round < ROUNDS_MAX; round++) {
      await this.#deliverAll(() => true)
      if (await this.#isQuiet()) return true
    }
    return false
  }

  async #change(device: Device, step: LocalStep): Promise<void> {
    const paths = await device.paths()
    const directories = paths.filter(({ shown }) => isDirectory(shown))
    const into = chosen([undefined, ...directories], step.directory)
    const name = NAMES[step.name % NAMES.length]!
    const target = {
      directory: into === undefined ? ROOT : idsOf(into.shown),
      name,
      path: into === undefined ? name : `${into.path}/${name}`,
    }
    const taken = await this.#at(device, target.directory, target.name)
    const one = chosen(paths, step.object)
    switch (step.kind) {
      case 'create':
        if (taken === undefined) await this.#create(device, target, 'file', step)
        return
      case 'symlink':
        if (taken === undefined) await this.#create(device, target, 'symlink', step)
        return
      case 'mkdir':
        if (taken === undefined) await this.#create(device, target, 'directory', step)
        return
      case 'chmod':
        if (one !== undefined) await this.#describe(device, one, step)
        return
      case 'edit':
        if (one?.shown.objects[0].entry.kind === 'file') await this.#edit(device, one, step)
        return
      case 'link':
        if (one !== undefined && !isDirectory(one.shown) && taken === undefined) await this.#link(device, one, target)
        return
      case 'remove':
        if (one !== undefined && isRemovable(one, paths)) await this.#remove(device, one)
        return
      case 'rename':
        if (one !== undefined) await this.#rename(device, { one, into, target, taken, paths })
        return
      case 'move': {
        const moved = chosen(directories, step.object)
        if (moved !== undefined) await this.#rename(device, { one: moved, into, target, taken, paths })
      }
    }
  }

  async #create(device: Device, target: Target, kind: ObjectKind, step: LocalStep): Promise<void> {
    const id = `c${(++this.#objects).toString(16).padStart(31, '0')}`
    const content = contentOf(kind, this.#text(step))
    const attributes = this.#attributes(step)
    const mtimeNs = BigInt(this.#step)
    await device.changes.create(target, { id, kind, content, mtimeNs, attributes })
    this.done.push({ kind: 'create', path: target.path, is: kind, content: textOf(content), mtimeNs, attributes })
    const { dot } = (await device.index.get(id))!.content
    if (kind === 'directory') this.history.madeDirectory(id, dot, device.number)
    else this.history.wrote(id, textOf(content), dot, device.number)
  }

  async #describe(device: Device, { path, shown }: ShownPath, step: LocalStep): Promise<void> {
    const attributes = this.#attributes(step)
    await device.changes.describe(shown, { attributes })
    this.done.push({ kind: 'chmod', path, attributes })
  }

  async #link(device: Device, { path, shown }: ShownPath, target: Target): Promise<void> {
    await device.changes.link(shown, target)
    this.done.push({ kind: 'link', path, to: target.path })
  }

  async #edit(device: Device, { path, shown }: ShownPath, step: LocalStep): Promise<void> {
    const content = contentOf('file', this.#text(step))
    const mtimeNs = BigInt(this.#step)
    await device.changes.edit(shown, content, mtimeNs)
    this.done.push({ kind: 'edit', path, content: textOf(content), mtimeNs })
    const [{ entry }, ...equals] = shown.objects
    await this.#noteReplaced(device, [entry, ...equals.map((one) => one.entry).filter(hasOneName)])
    this.history.wrote(entry.id, textOf(content), (await device.index.get(entry.id))!.content.dot, device.number)
  }

  async #remove(device: Device, { path, shown }: ShownPath): Promise<void> {
    await device.changes.remove(shown)
    this.done.push({ kind: 'remove', path })
    await this.#noteReplaced(device, shown.objects.map(({ entry }) => entry).filter(hasOneName))
  }

  async #rename(device: Device, { one, into, target, taken, paths }: Rename): Promise<void> {
    const isIntoItself = into !== undefined && `${into.path}/`.startsWith(`${one.path}/`)
    if (isIntoItself && isDirectory(one.shown)) return
    if (taken !== undefined) {
      const replaced = paths.find(({ shown }) => idsOf(shown).join() === idsOf(taken).join())!
      const isSameKind = isDirectory(taken) === isDirectory(one.shown)
      const isSame = taken.objects[0].entry.id === one.shown.objects[0].entry.id
      if (isSame || !isSameKind || !isRemovable(replaced, paths)) return
    }
    await device.changes.rename(one.shown, target, taken)
    this.done.push({ kind: 'rename', path: one.path, to: target.path })
    if (taken !== undefined)
      await this.#noteReplaced(device, taken.objects.map(({ entry }) => entry).filter(hasOneName))
  }

  async #noteReplaced(device: Device, entries: readonly SyncEntry[]): Promise<void> {
    const { writer } = device.index
    for (const entry of entries) {
      const counter = (await device.index.get(entry.id))!.version.get(writer)!
      this.history.replaced(entry, { writer, counter }, device.number)
    }
  }

  async #at(device: Device, directory: Directory, name: string): Promise<Shown | undefined> {
    return (await device.tree.list(directory)).get(name)
  }

  #attributes({ object, directory }: LocalStep): SyncAttributes {
    const xattrs = object % 4 === 0 ? [{ name: 'user.x', value: Buffer.from([directory]) }] : []
    return { mode: MODES[object % MODES.length]!, uid: 1000, gid: 1000, xattrs }
  }

  /** Now and then what others write, too. */
  #text({ object }: LocalStep): string {
    return object % 6 === 0 ? `same ${object % 12}` : `written in step ${this.#step}`
  }

  async #deliver(which: number): Promise<void> {
    // Mostly the first, so that links get on.
    const at = which < 5 ? 0 : which % (this.#messages.length || 1)
    const [envelope] = this.#messages.splice(at, 1)
    if (envelope !== undefined) await this.#device(envelope.to).receive(envelope)
  }

  async #deliverAll(isFor: (envelope: Envelope) => boolean): Promise<void> {
    for (let left = 10_000; left > 0; left--) {
      const at = this.#messages.findIndex(isFor)
      if (at < 0) return
      const [envelope] = this.#messages.splice(at, 1)
      await this.#device(envelope!.to).receive(envelope!)
    }
    throw new Error('devices go on talking')
  }

  async #settlePair(a: Device, b: Device): Promise<void> {
    if (a === b || !a.isConnected(b.number)) return
    await this.#deliverAll(
      ({ from, to }) => (from === a.number && to === b.number) || (from === b.number && to === a.number),
    )
  }

  /** Whether nobody has anything to say even when reminded. */
  async #isQuiet(): Promise<boolean> {
    for (const device of this.devices) await device.tellAll('idle')
    return this.#messages.length === 0
  }

  async #connect(a: Device, b: Device): Promise<void> {
    await a.connect(b.number)
    await b.connect(a.number)
  }

  #disconnect(a: Device, b: Device): void {
    a.disconnect(b.number)
    b.disconnect(a.number)
  }

  async #crash(device: Device, actions: number): Promise<void> {
    const at = this.#messages.findIndex(({ to }) => to === device.number)
    if (at >= 0) await device.receive(this.#messages.splice(at, 1)[0]!, actions)
    await this.#restart(device, false)
  }

  async #setBack(): Promise<void> {
    if (this.#backup === undefined) return
    const device = this.#device(ROLLED)
    device.store = this.#backup.copy()
    const others = this.devices.filter((one) => one !== device)
    const known = new Map<string, SyncEntry[]>()
    for (const id of this.history.objects) {
      const entries = await Promise.all(others.map((one) => one.index.get(id)))
      known.set(
        id,
        entries.filter((entry) => entry !== undefined),
      )
    }
    const backup = this.#backup
    const kept = await backup.readEntries([...known.keys()])
    ;[...known.keys()].forEach((id, index) => {
      if (kept[index] !== undefined) known.get(id)!.push(kept[index].entry)
    })
    const isLost = (dot: Dot, id: string) => !(known.get(id) ?? []).some(({ version }) => includes(version, dot))
    this.history.setBack(ROLLED, isLost)
    await this.#restart(device, true)
  }

  async #restart(device: Device, isSetBack: boolean): Promise<void> {
    const linked = this.devices.filter((other) => device.isConnected(other.number))
    for (const other of linked) this.#disconnect(device, other)
    await device.start(isSetBack)
    for (const other of linked) await this.#connect(device, other)
  }

  #device(number: number): Device {
    return this.devices[number % this.devices.length]!
  }
}

/** A change as the person saw it who made it. */
export type Done =
  | {
      readonly kind: 'create'
      readonly path: string
      readonly is: ObjectKind
      readonly content: string
      readonly mtimeNs: bigint
      readonly attributes: SyncAttributes
    }
  | { readonly kind: 'edit'; readonly path: string; readonly content: string; readonly mtimeNs: bigint }
  | { readonly kind: 'chmod'; readonly path: string; readonly attributes: SyncAttributes }
  | { readonly kind: 'link' | 'rename'; readonly path: string; readonly to: string }
  | { readonly kind: 'remove'; readonly path: string }

interface Target {
  readonly directory: Directory
  readonly name: string
  readonly path: string
}

interface Rename {
  readonly one: ShownPath
  readonly into: ShownPath | undefined
  readonly target: Target
  readonly taken: Shown | undefined
  readonly paths: readonly ShownPath[]
}

function chosen<T>(list: readonly T[], number: number): T | undefined {
  return list[number % (list.length || 1)]
}

function isRemovable({ path, shown }: ShownPath, paths: readonly ShownPath[]): boolean {
  return !isDirectory(shown) || !paths.some((other) => other.path.startsWith(`${path}/`))
}

function hasOneName({ placement }: SyncEntry): boolean {
  return placement.value.places.length === 1
}

function contentOf(kind: ObjectKind, text: string): SyncContent {
  if (kind === 'directory') return { kind: 'nothing' }
  if (kind === 'symlink') return { kind: 'symlink', target: text }
  const bytes = Buffer.from(text)
  return { kind: 'file', size: bytes.length, content: { kind: 'inline', bytes } }
}
