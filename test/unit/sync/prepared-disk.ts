/** A disk on which synchronisation makes no file that was not prepared: a name that comes has all of its content. */
import assert from 'node:assert/strict'
import { isDeepStrictEqual } from 'node:util'
import type { Incoming, ObjectState, SyncDisk } from '../../../src/sync/disk.ts'
import type { MemoryDisk } from '../../../src/sync/memory-disk.ts'

/** Uses the disk as synchronisation does, and watches it. */
export function preparedDisk(disk: MemoryDisk): SyncDisk {
  const prepared = new Map<string, ObjectState>()
  const use = (id: string, state: ObjectState) => {
    if (state.kind !== 'file') return
    assert(isDeepStrictEqual(prepared.get(id), state), `${id} was not prepared as it comes`)
    prepared.delete(id)
  }
  const watched: Pick<SyncDisk, 'prepare' | 'discardPrepared' | 'isPrepared' | 'make' | 'replace'> = {
    prepare: async (files) => {
      await disk.prepare(files)
      for (const { id, state } of files) prepared.set(id, state)
    },
    discardPrepared: () => prepared.clear(),
    isPrepared: ({ id, state }: Incoming) => isDeepStrictEqual(prepared.get(id), state),
    make: (path, id, state) => {
      use(id, state)
      disk.make(path, id, state)
    },
    replace: (path, id, state) => {
      use(id, state)
      disk.replace(path, id, state)
    },
  }
  return new Proxy(disk, {
    get: (_, name) => {
      const own = (watched as Record<string | symbol, unknown>)[name]
      const value = own ?? (disk as unknown as Record<string | symbol, unknown>)[name]
      return typeof value === 'function' && own === undefined ? value.bind(disk) : value
    },
  })
}
