/** The rules with one of them taken out: what the properties must not hold of. */
import { decodeSyncEntry, type SyncEntry } from '../../../src/format/sync-entry.ts'
import type { IndexBatch } from '../../../src/format/sync-record.ts'
import type { TreeSource } from '../../../src/sync/shown-tree.ts'
import { type Rules, THE_RULES } from './device.ts'

interface Mutant {
  readonly name: string
  readonly rules: Rules
}

export const MUTANTS: readonly Mutant[] = [
  mutant('what loses a conflict becomes no copy', {
    writes: (batch) => ({
      ...batch,
      entries: batch.entries.filter(({ before, after }) => before !== undefined || !after.entry.placement.value.isCopy),
    }),
  }),
  mutant('a deletion wins over what was written meanwhile', {
    writes: (batch) =>
      withEntries(batch, (entry) =>
        entry.deleted === undefined
          ? entry
          : { ...entry, deleted: entry.version, content: { ...entry.content, value: undefined } },
      ),
  }),
  mutant('a deletion counts for nothing with others', {
    hears: (message) =>
      message.kind === 'entries' ? { ...message, entries: message.entries.filter(isNotDeleted) } : message,
  }),
  mutant('the clock says which change is the later', {
    writes: (batch, timeMs) =>
      withEntries(batch, (entry) =>
        entry.content.dot.writer === batch.state.writer && entry.content.dot.counter === batch.state.counter
          ? { ...entry, content: { ...entry.content, timeMs } }
          : entry,
      ),
  }),
  mutant('a cursor goes past what was lost', {
    hears: (message) =>
      message.kind === 'entries' ? { ...message, after: { ...message.after, sequence: 0 } } : message,
  }),
  mutant('a cursor is durable before the entries are', { entriesFirst: false }),
  mutant('a device that was set back counts on', { countsAnew: false }),
  mutant('a directory that is deleted is gone with all that is in it', {
    shows: (source) => ({
      get loops() {
        return source.loops
      },
      get: (id) => source.get(id),
      readChildren: (parent, name) => aliveIn(source, parent, name),
    }),
  }),
  mutant('directories that are in each other are left so', {
    shows: (source) => ({
      loops: new Set(),
      get: (id) => source.get(id),
      readChildren: (parent, name) => source.readChildren(parent, name),
    }),
  }),
]

function isNotDeleted(bytes: Buffer): boolean {
  return decodeSyncEntry(bytes).content.value !== undefined
}

function mutant(name: string, taken: Partial<Rules>): Mutant {
  return { name, rules: { ...THE_RULES, ...taken } }
}

function withEntries(batch: IndexBatch, change: (entry: SyncEntry) => SyncEntry): IndexBatch {
  const entries = batch.entries.map(({ before, after }) => ({
    before,
    after: { ...after, entry: change(after.entry) },
  }))
  return { ...batch, entries }
}

async function* aliveIn(source: TreeSource, parent: string, name?: string): AsyncGenerator<SyncEntry> {
  for await (const entry of source.readChildren(parent, name)) if (entry.content.value !== undefined) yield entry
}
