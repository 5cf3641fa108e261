/**
 * Own devices that exchange indexes of folders, in one process: real links over stores in memory, on a clock that is run
 * by hand, and a network that delays, reorders, loses, refuses and breaks.
 */
import { SyncLinks } from '../../../../src/daemon/sync/sync-links.ts'
import { DfsError } from '../../../../src/errors.ts'
import { decodeSyncEntry } from '../../../../src/format/sync-entry.ts'
import type { SyncFolder } from '../../../../src/format/sync-folders.ts'
import { createEntry, withAttributes, withContent } from '../../../../src/sync/entry-change.ts'
import { MemorySyncStore } from '../../../../src/sync/memory-sync-store.ts'
import { type Beginning, SyncIndex } from '../../../../src/sync/sync-index.ts'
import type { SyncStore } from '../../../../src/sync/sync-store.ts'
import { Random } from '../../../support/random.ts'
import { VirtualClock } from '../../../support/virtual-clock.ts'

const ALL = { entries: 1_000_000, bytes: 1_000_000_000 }

/** What is lost is said again within minutes, and that may be lost, too. */
const SETTLE_SECONDS_MAX = 3600

/** What becomes of a message: after so many milliseconds it arrives, each time; or it is refused. */
export type Fate = readonly number[] | 'refused'

export class DeviceNetwork {
  readonly random: Random
  readonly clock = new VirtualClock({ isPatient: true })
  readonly devices: LinkedDevice[] = []
  fate: (from: LinkedDevice, to: LinkedDevice, message: Buffer) => Fate = () => [0]
  readonly #connections = new Set<string>()

  constructor(seed = 1) {
    this.random = new Random(seed)
  }

  /** Never used before. */
  id(): string {
    return this.random.bytes(16).toString('hex')
  }

  beginning(): Beginning {
    return { indexId: this.id(), newWriter: this.id() }
  }

  add(name: string, owner = 'me'): LinkedDevice {
    const device = new LinkedDevice(this, name, owner)
    this.devices.push(device)
    return device
  }

  isConnected(a: LinkedDevice, b: LinkedDevice): boolean {
    return this.#connections.has(connectionOf(a, b))
  }

  connect(a: LinkedDevice, b: LinkedDevice): void {
    if (a === b || this.isConnected(a, b)) return
    this.#connections.add(connectionOf(a, b))
    a.links.memberUp(b.name, true)
    b.links.memberUp(a.name, true)
  }

  disconnect(a: LinkedDevice, b: LinkedDevice): void {
    if (!this.#connections.delete(connectionOf(a, b))) return
    a.links.memberUp(b.name, false)
    b.links.memberUp(a.name, false)
  }

  connectAll(): void {
    for (const a of this.devices) for (const b of this.devices) this.connect(a, b)
  }

  /** Lets time pass until every device says that what it has is everywhere. */
  async settle(folder: string): Promise<void> {
    for (let seconds = 0; seconds < SETTLE_SECONDS_MAX; seconds++) {
      await this.clock.sleep(1000)
      if (this.devices.every(({ links }) => links.isSettled(folder))) return
    }
    throw new Error('the devices do not come to rest')
  }

  async deliver(from: LinkedDevice, to: string, message: Buffer): Promise<void> {
    const target = this.devices.find(({ name }) => name === to)!
    if (!this.isConnected(from, target)) throw new DfsError('unreachable', 'is away')
    const fate = this.fate(from, target, message)
    if (fate === 'refused') throw new DfsError('timeout', 'takes no message')
    const bytes = Buffer.from(message)
    for (const ms of fate) this.clock.after(ms, () => void target.receive(from.name, bytes).catch(() => undefined))
  }
}

export class LinkedDevice {
  readonly name: string
  readonly owner: string
  readonly #net: DeviceNetwork
  links: SyncLinks
  readonly stores = new Map<string, MemorySyncStore>()
  readonly indexes = new Map<string, SyncIndex>()
  /** What others said that they have. */
  readonly told = new Map<string, readonly SyncFolder[]>()
  /** How often entries of others came, by folder. */
  readonly taken = new Map<string, number>()
  /** Put around what is stored. */
  wrap: (store: SyncStore) => SyncStore = (store) => store

  constructor(net: DeviceNetwork, name: string, owner: string) {
    this.#net = net
    this.name = name
    this.owner = owner
    this.links = this.#newLinks()
  }

  receive(from: string, message: Buffer): Promise<void> {
    return this.links.receive(from, message)
  }

  /** Opens a folder on what is durable, and exchanges it. */
  async open(folder: string, { isSetBack = false } = {}): Promise<SyncIndex> {
    const store = this.stores.get(folder) ?? new MemorySyncStore()
    this.stores.set(folder, store)
    const index = await SyncIndex.open(this.wrap(store), {
      ...this.#net.beginning(),
      witness: { confirms: () => !isSetBack, note: () => undefined },
      nowMs: () => this.#net.clock.now(),
    })
    this.indexes.set(folder, index)
    this.links.add(folder, index, () => this.taken.set(folder, (this.taken.get(folder) ?? 0) + 1))
    this.links.foldersChanged()
    return index
  }

  async close(folder: string): Promise<void> {
    await this.links.remove(folder)
    this.indexes.delete(folder)
    this.links.foldersChanged()
  }

  /** Stops wherever it is, and goes on with what is durable. */
  async restart({ isSetBack = false } = {}): Promise<void> {
    const others = this.#net.devices.filter((other) => this.#net.isConnected(this, other))
    for (const other of others) this.#net.disconnect(this, other)
    const folders = [...this.indexes.keys()]
    // Whatever the former run still does goes nowhere.
    for (const folder of folders) this.stores.set(folder, this.stores.get(folder)!.copy())
    const before = this.links
    this.links = this.#newLinks()
    this.indexes.clear()
    for (const folder of folders) await this.open(folder, { isSetBack })
    for (const other of others) this.#net.connect(this, other)
    await before[Symbol.asyncDispose]()
  }

  /** Makes new objects, in one change. */
  async create(folder: string, count = 1): Promise<string[]> {
    const index = this.indexes.get(folder)!
    const ids = Array.from({ length: count }, () => this.#net.id())
    await index.change(async (change) => {
      await change.read(ids)
      for (const id of ids) {
        const bytes = Buffer.from(id)
        const content = { kind: 'file', size: bytes.length, content: { kind: 'inline', bytes } } as const
        const attributes = { mode: 0o644, uid: 1, gid: 1, xattrs: [] }
        // Each in a directory of its own, of which there is no entry: the exchange does not mind.
        const place = { parent: this.#net.id(), name: id }
        await change.put(createEntry({ id, kind: 'file', place, content, mtimeNs: 1n, attributes }, change.stamp()))
      }
    })
    this.links.changed(folder)
    return ids
  }

  /** Changes content or mode of an object, if it is known here. */
  async edit(folder: string, id: string, number: number): Promise<void> {
    await this.indexes.get(folder)!.change(async (change) => {
      const entry = await change.get(id)
      if (entry === undefined) return
      const bytes = Buffer.from(`${this.name} ${number}`)
      const content = { kind: 'file', size: bytes.length, content: { kind: 'inline', bytes } } as const
      await change.put(
        number % 3 === 0
          ? withAttributes(entry, { ...entry.attributes.value, mode: number % 0o1000 }, change.stamp())
          : withContent(entry, content, change.stamp()),
      )
    })
    this.links.changed(folder)
  }

  /** All entries, encoded, by id. */
  async entries(folder: string): Promise<Record<string, string>> {
    const index = this.indexes.get(folder)!
    const found: Record<string, string> = {}
    for (let after = 0; after < index.own.sequence; ) {
      const { entries, upTo } = await index.readChanges(after, ALL)
      for (const entry of entries) found[decodeSyncEntry(entry).id] = entry.toString('hex')
      after = upTo
    }
    return found
  }

  #newLinks(): SyncLinks {
    const links: SyncLinks = new SyncLinks({
      // Messages of a run that was stopped go nowhere.
      send: async (to, message) => {
        if (links === this.links) await this.#net.deliver(this, to, message)
      },
      isOwn: (device) => this.#net.devices.some(({ name, owner }) => name === device && owner === this.owner),
      ownFolders: () => [...this.indexes.keys()].map((id) => ({ id, name: `folder ${id.slice(-4)}` })),
      onFolders: (device, folders) => void this.told.set(device, folders),
      newBeginning: () => this.#net.beginning(),
      clock: this.#net.clock,
    })
    return links
  }
}

/** The store, with some of what it does done otherwise. */
export function storeWith(store: SyncStore, otherwise: Partial<SyncStore>): SyncStore {
  return {
    readState: () => store.readState(),
    readEntries: (ids) => store.readEntries(ids),
    readChildren: (parent, name) => store.readChildren(parent, name),
    readChanges: (after, limits) => store.readChanges(after, limits),
    readCursor: (device) => store.readCursor(device),
    readBehind: () => store.readBehind(),
    write: (batch) => store.write(batch),
    ...otherwise,
  }
}

function connectionOf(a: LinkedDevice, b: LinkedDevice): string {
  return [a.name, b.name].sort().join()
}
