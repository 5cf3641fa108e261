/** A synced folder of one device, in memory, spoken of by paths. */
import assert from 'node:assert/strict'
import {
  decodeSyncEntry,
  type ObjectKind,
  type SyncAttributes,
  type SyncContent,
} from '../../../src/format/sync-entry.ts'
import { LocalChanges, type Target } from '../../../src/sync/local-changes.ts'
import { MemorySyncStore } from '../../../src/sync/memory-sync-store.ts'
import { ROOT, type Shown, ShownTree, shownAttributes } from '../../../src/sync/shown-tree.ts'
import { SyncIndex } from '../../../src/sync/sync-index.ts'

const ALL = { entries: 10_000, bytes: 100_000_000 }
export const DAY = '2026-11-23'
const START_MS = Date.parse(DAY)
const NAMES = ['ann', 'bob', 'cas']

let ticks = 0
let objects = 0

export class SyncedFolder {
  readonly name: string
  readonly store = new MemorySyncStore()
  readonly index: SyncIndex
  readonly changes: LocalChanges
  readonly tree: ShownTree

  private constructor(name: string, store: MemorySyncStore, index: SyncIndex) {
    this.name = name
    this.store = store
    this.index = index
    this.changes = new LocalChanges(index, nameOfWriter)
    this.tree = new ShownTree(index, nameOfWriter)
  }

  static async open(name: string, store = new MemorySyncStore()): Promise<SyncedFolder> {
    const number = NAMES.indexOf(name)
    const indexId = `${number}${`${++objects}`.padStart(31, '0')}`
    // Each change is a second after the one before.
    const nowMs = () => START_MS + ++ticks * 1000
    const index = await SyncIndex.open(store, { indexId, newWriter: indexId, nowMs })
    return new SyncedFolder(name, store, index)
  }

  /** Two or more, connected by nothing. */
  static several(...names: string[]): Promise<SyncedFolder[]> {
    return Promise.all(names.map((name) => SyncedFolder.open(name)))
  }

  async create(path: string, text = path, kind: ObjectKind = 'file', id = newId()): Promise<string> {
    await this.changes.create(await this.#target(path), {
      id,
      kind,
      content: contentOf(kind, text),
      mtimeNs: 1n,
      attributes: attributesOf(),
    })
    return id
  }

  mkdir(path: string): Promise<string> {
    return this.create(path, '', 'directory')
  }

  async edit(path: string, text: string): Promise<void> {
    const shown = await this.at(path)
    await this.changes.edit(shown, contentOf('file', text), BigInt(++ticks))
  }

  async describe(path: string, attributes: Partial<SyncAttributes>): Promise<void> {
    const shown = await this.at(path)
    const { mtimeNs: _, ...before } = shownAttributes(shown)
    await this.changes.describe(shown, { attributes: { ...before, ...attributes } })
  }

  async remove(path: string): Promise<void> {
    await this.changes.remove(await this.at(path))
  }

  async rename(from: string, to: string): Promise<void> {
    await this.changes.rename(await this.at(from), await this.#target(to), await this.find(to))
  }

  async link(from: string, to: string): Promise<void> {
    await this.changes.link(await this.at(from), await this.#target(to))
  }

  /** Hears of all that the others have. */
  async hear(...others: SyncedFolder[]): Promise<void> {
    for (const { name, index } of others) {
      const { entries } = await index.readChanges(0, ALL)
      await this.index.take(name, entries.map(decodeSyncEntry), undefined)
    }
  }

  async find(path: string): Promise<Shown | undefined> {
    return (await this.#walk()).get(path)
  }

  async at(path: string): Promise<Shown> {
    const shown = await this.find(path)
    assert(shown !== undefined, `${path} is there`)
    return shown
  }

  /** What files and links hold, by path; directories end in a slash. */
  async shows(): Promise<Record<string, string>> {
    const paths = await this.#walk()
    return Object.fromEntries(
      [...paths].sort().map(([path, shown]) => (isDirectory(shown) ? [`${path}/`, ''] : [path, textOf(shown)])),
    )
  }

  async #walk(): Promise<Map<string, Shown>> {
    const found = new Map<string, Shown>()
    const visit = async (directory: readonly string[], prefix: string): Promise<void> => {
      for (const shown of (await this.tree.list(directory)).values()) {
        found.set(prefix + shown.name, shown)
        if (isDirectory(shown)) await visit(directoryOf(shown), `${prefix}${shown.name}/`)
      }
    }
    await visit(ROOT, '')
    return found
  }

  async #target(path: string): Promise<Target> {
    const slash = path.lastIndexOf('/')
    const directory = slash < 0 ? ROOT : directoryOf(await this.at(path.slice(0, slash)))
    return { directory, name: path.slice(slash + 1) }
  }
}

/** Until nobody hears anything new. */
export async function meet(...folders: SyncedFolder[]): Promise<void> {
  for (let round = 0; round < 3; round++) {
    for (const folder of folders) await folder.hear(...folders.filter((other) => other !== folder))
  }
}

/** They meet, and all show this. */
export async function assertMeetAs(shown: Record<string, string>, ...folders: SyncedFolder[]): Promise<void> {
  await meet(...folders)
  for (const folder of folders) assert.deepEqual(await folder.shows(), shown)
}

function newId(): string {
  return `f${`${++objects}`.padStart(31, '0')}`
}

function contentOf(kind: ObjectKind, text: string): SyncContent {
  if (kind === 'symlink') return { kind, target: text }
  if (kind !== 'file') return { kind: 'nothing' }
  const bytes = Buffer.from(text)
  return { kind, size: bytes.length, content: { kind: 'inline', bytes } }
}

function attributesOf(): SyncAttributes {
  return { mode: 0o644, uid: 1, gid: 1, xattrs: [] }
}

function textOf({ objects: [{ entry }] }: Shown): string {
  const value = entry.content.value!
  if (value.kind === 'symlink') return value.target
  return value.kind === 'file' && value.content.kind === 'inline' ? value.content.bytes.toString() : ''
}

function isDirectory({ objects: [{ entry }] }: Shown): boolean {
  return entry.kind === 'directory'
}

function directoryOf(shown: Shown): string[] {
  return shown.objects.map(({ entry }) => entry.id).sort()
}

function nameOfWriter(writer: string): string {
  return NAMES[Number(writer[0])]!
}
