/**
 * One device of the model: the index of a folder in memory, what a person does to the folder, and the machine that
 * exchanges indexes, wired as the rules of `sync/exchange.ts` demand.
 */
import assert from 'node:assert/strict'
import { decodeSyncEntry, type SyncContent } from '../../../src/format/sync-entry.ts'
import {
  decodeSyncMessage,
  encodeSyncMessage,
  type FolderMessage,
  SYNC_ENTRIES_BYTES,
} from '../../../src/format/sync-message.ts'
import type { IndexBatch } from '../../../src/format/sync-record.ts'
import { type Action, type Input, type Link, NEW_LINK, step, type View } from '../../../src/sync/exchange.ts'
import { LocalChanges } from '../../../src/sync/local-changes.ts'
import { MemorySyncStore } from '../../../src/sync/memory-sync-store.ts'
import { ROOT, type Shown, ShownTree, shownAttributes, type TreeSource } from '../../../src/sync/shown-tree.ts'
import { SyncIndex } from '../../../src/sync/sync-index.ts'
import type { SyncStore } from '../../../src/sync/sync-store.ts'

export interface Envelope {
  readonly from: number
  readonly to: number
  readonly bytes: Buffer
}

/** A path that a device shows. */
export interface ShownPath {
  readonly path: string
  readonly shown: Shown
}

/** What the tests of the model take out of the rules: each of these leaves all as it is by itself. */
export interface Rules {
  /** What becomes of what the index writes. */
  writes(batch: IndexBatch, nowMs: number): IndexBatch
  hears(message: FolderMessage): FolderMessage
  shows(source: TreeSource): TreeSource
  /** Whether a device that was set back counts anew. */
  readonly countsAnew: boolean
  /** Whether what is kept of another index is written after the entries are. */
  readonly entriesFirst: boolean
}

export const THE_RULES: Rules = {
  writes: (batch) => batch,
  hears: (message) => message,
  shows: (source) => source,
  countsAnew: true,
  entriesFirst: true,
}

const FOLDER = Buffer.alloc(16, 0xf0)
/** So few that most histories need several messages. */
const ENTRIES_IN_MESSAGE = 3
const DEVICE_NAMES = ['ann', 'bob', 'cas', 'dee']

export interface DeviceOptions {
  readonly send: (envelope: Envelope) => void
  readonly clock: () => number
  readonly rules?: Rules | undefined
}

export class Device {
  readonly number: number
  readonly #send: (envelope: Envelope) => void
  readonly #clock: () => number
  store = new MemorySyncStore()
  index!: SyncIndex
  changes!: LocalChanges
  tree!: ShownTree
  readonly #rules: Rules
  #links = new Map<number, Link>()
  #runs = 0

  constructor(number: number, { send, clock, rules = THE_RULES }: DeviceOptions) {
    this.number = number
    this.#send = send
    this.#clock = clock
    this.#rules = rules
  }

  /** Starts on what is durable; `isSetBack`: that is an older state. */
  async start(isSetBack = false): Promise<void> {
    const rules = this.#rules
    const witness = { confirms: () => !(isSetBack && rules.countsAnew), note: () => undefined }
    const options = { ...this.#beginning(), witness, nowMs: this.#clock }
    const { store } = this
    const written: SyncStore = {
      readState: () => store.readState(),
      readEntries: (ids) => store.readEntries(ids),
      readChildren: (parent, name) => store.readChildren(parent, name),
      readChanges: (after, limits) => store.readChanges(after, limits),
      readCursor: (device) => store.readCursor(device),
      readBehind: () => store.readBehind(),
      write: (batch) => store.write(rules.writes(batch, this.#clock())),
    }
    this.index = await SyncIndex.open(written, options)
    this.changes = new LocalChanges(this.index, deviceName)
    this.tree = new ShownTree(rules.shows(this.index), deviceName)
    this.#links.clear()
  }

  async connect(other: number): Promise<void> {
    this.#links.set(other, NEW_LINK)
    await this.#step(other, { kind: 'connected' })
  }

  disconnect(other: number): void {
    this.#links.delete(other)
  }

  isConnected(other: number): boolean {
    return this.#links.has(other)
  }

  /** Carries out at most so many actions of what it brings about; false if more were to be done. */
  async receive({ from, bytes }: Envelope, actionsMax = Number.POSITIVE_INFINITY): Promise<boolean> {
    if (!this.#links.has(from)) return true
    const budget = { left: actionsMax }
    const message = decodeSyncMessage(bytes)
    assert(message.kind !== 'folders')
    await this.#step(from, { kind: 'message', message: this.#rules.hears(message) }, budget)
    return budget.left > 0
  }

  async tellAll(kind: 'changed' | 'idle'): Promise<void> {
    for (const other of [...this.#links.keys()]) await this.#step(other, { kind })
  }

  /** All that is shown, a directory before what is in it. */
  async paths(): Promise<ShownPath[]> {
    const found: ShownPath[] = []
    const visit = async (directory: readonly string[], prefix: string): Promise<void> => {
      for (const shown of (await this.tree.list(directory)).values()) {
        const path = prefix + shown.name
        found.push({ path, shown })
        if (isDirectory(shown)) await visit(idsOf(shown), `${path}/`)
      }
    }
    await visit(ROOT, '')
    return found
  }

  async #step(other: number, input: Input, budget = { left: Number.POSITIVE_INFINITY }): Promise<void> {
    const link = this.#links.get(other)
    if (link === undefined) return
    const cursor = await this.index.readCursor(String(other))
    const { own } = this.index
    const view: View = {
      own,
      cursor,
      hasBeen: (one) => this.index.hasBeen(one),
      hasLost: (one) => this.index.hasLost(one),
    }
    const { link: next, actions } = step(link, input, view)
    this.#links.set(other, next)
    for (const action of actions) {
      if (budget.left-- <= 0) return
      await this.#carryOut(other, action, budget)
    }
  }

  async #carryOut(other: number, action: Action, budget: { left: number }): Promise<void> {
    switch (action.kind) {
      case 'send': {
        const bytes = encodeSyncMessage({ ...action.message, folder: FOLDER })
        this.#send({ from: this.number, to: other, bytes })
        return
      }
      case 'read': {
        const limits = { entries: ENTRIES_IN_MESSAGE, bytes: SYNC_ENTRIES_BYTES }
        const { after, within } = action
        const read = await this.index.readChanges(within?.after ?? after.sequence, { ...limits, upTo: within?.upTo })
        return this.#step(other, { kind: 'read', after, ...read }, budget)
      }
      case 'merge': {
        const before = this.index.own.sequence
        if (!this.#rules.entriesFirst) {
          await this.index.take(String(other), [], action.cursor)
          if (budget.left-- <= 0) return
        }
        const common = await this.index.take(String(other), action.entries.map(decodeSyncEntry), action.cursor)
        await this.#step(other, { kind: 'kept', common }, budget)
        if (this.index.own.sequence === before) return
        for (const each of [...this.#links.keys()]) await this.#step(each, { kind: 'changed' }, budget)
        return
      }
      case 'begin-anew':
        if (!this.#rules.countsAnew) return
        await this.index.beginAnew(action.lost, this.#beginning())
        for (const each of [...this.#links.keys()]) await this.connect(each)
    }
  }

  #beginning(): { indexId: string; newWriter: string } {
    this.#runs++
    const run = (this.#runs * 16 + this.number).toString(16)
    return { indexId: `1${run.padStart(31, '0')}`, newWriter: `${this.number}`.repeat(16) + run.padStart(16, '0') }
  }
}

export function isDirectory({ objects }: Shown): boolean {
  return objects[0].entry.kind === 'directory'
}

export function idsOf({ objects }: Shown): string[] {
  return objects.map(({ entry }) => entry.id).sort()
}

/** What of an object a person can see. */
export function faceOf(shown: Shown): { kind: string; content: string; mode: number; mtimeNs: bigint } {
  const { kind, content } = shown.objects[0].entry
  const { mode, mtimeNs } = shownAttributes(shown)
  return { kind, content: kind === 'directory' ? '' : textOf(content.value!), mode, mtimeNs }
}

/** The content of the model's files, or a link's target. */
export function textOf(content: SyncContent): string {
  if (content.kind === 'symlink') return content.target
  return content.kind === 'file' && content.content.kind === 'inline' ? content.content.bytes.toString() : ''
}

function deviceName(writer: string): string {
  return DEVICE_NAMES[Number(writer[0])]!
}
