/**
 * Reading and writing a stub's slots through an open descriptor.
 *
 * Invariant: a slot is overwritten only when the other one is durable, which a checkpoint sees to; so a torn write
 * leaves the version before.
 */
import { randomBytes } from 'node:crypto'
import type { StubState } from '../dfs.ts'
import { FILE_ID_BYTES, SLOT_OFFSETS, STUB_BYTES_MAX } from '../format/stub.ts'
import { STUB_LINE } from '../format/stub-line.ts'
import { preadFd, pwriteFd } from '../posix/files.ts'
import { MODE, type Stat } from '../posix/stat.ts'
import type { Keys } from './keys.ts'
import { openStub, sealSlot } from './stub-slot.ts'

export type Slot = 0 | 1

export interface LoadedStub {
  readonly state: StubState
  /** Which slot holds the state; undefined for a stub of no bytes, which is an empty file. */
  readonly slot: Slot | undefined
  /** See OpenedStub. */
  readonly newerMayBeLost: boolean
}

export function loadStub(fd: number, stat: Stat, keys: Keys): LoadedStub {
  const bytes = Buffer.allocUnsafe(STUB_BYTES_MAX)
  const length = preadFd(fd, bytes, 0, bytes.length, 0)
  if (length === 0) return { state: emptyState(stat), slot: undefined, newerMayBeLost: false }
  return openStub(bytes.subarray(0, length), keys)
}

/** Writes a state over the slot that does not hold the present one; returns which. */
export function writeStub(fd: number, state: StubState, present: Slot | undefined, keys: Keys): Slot {
  const sealed = sealSlot(state, keys)
  if (present === undefined) {
    pwriteFd(fd, Buffer.concat([STUB_LINE, sealed]), 0)
    return 0
  }
  const slot = present === 0 ? 1 : 0
  pwriteFd(fd, sealed, SLOT_OFFSETS[slot])
  return slot
}

/** The file that a stub of no bytes stands for. Its id becomes lasting with its first commit. */
export function emptyState(stat: Stat): StubState {
  return {
    fileId: randomBytes(FILE_ID_BYTES),
    sequence: 0,
    meta: { mode: stat.mode & MODE.PERMISSIONS, size: 0, mtimeNs: stat.mtimeNs, ctimeNs: stat.ctimeNs },
    content: { kind: 'inline', bytes: Buffer.alloc(0) },
  }
}
