/**
 * Reads block files beside the store that owns them, from another thread: it opens, reads, closes, and keeps nothing.
 *
 * A block file is whole from the moment it has its name, and never written to again; what was torn by power loss is
 * for the reader to find out, by the CID.
 */
import { close, constants, fstatSync, open, read, statSync } from 'node:fs'
import { promisify } from 'node:util'
import type { BlockReader, Cid } from '../dfs.ts'
import { BLOCK_BYTES_MAX } from '../format/block.ts'
import { placeOf } from './block-paths.ts'
import { storeError } from './store-error.ts'

const openFile = promisify(open)
const readFile = promisify(read)
const closeFile = promisify(close)

export class BlockFilesReader implements BlockReader {
  readonly #dir: string

  /** `dir`: the directory of a block store. */
  constructor(dir: string) {
    this.#dir = dir
  }

  has(cid: Cid): boolean {
    return statSync(this.#pathOf(cid), { throwIfNoEntry: false })?.isFile() ?? false
  }

  async read(cid: Cid, room?: Buffer): Promise<Buffer | undefined> {
    let fd: number
    try {
      fd = await openFile(this.#pathOf(cid), constants.O_RDONLY)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw storeError(error, 'read block', cid)
    }
    try {
      return await readWhole(fd, room)
    } catch (error) {
      throw storeError(error, 'read block', cid)
    } finally {
      await closeFile(fd)
    }
  }

  #pathOf(cid: Cid): string {
    return `${this.#dir}/${placeOf(cid)}`
  }
}

/** Undefined for a file that is too long to be a block. */
async function readWhole(fd: number, room: Buffer | undefined): Promise<Buffer | undefined> {
  const { size } = fstatSync(fd)
  if (size > BLOCK_BYTES_MAX) return undefined
  const bytes = room !== undefined && room.length >= size ? room : Buffer.allocUnsafeSlow(size)
  let filled = 0
  while (filled < size) {
    const { bytesRead } = await readFile(fd, bytes, filled, size - filled, filled)
    if (bytesRead === 0) break
    filled += bytesRead
  }
  return bytes.subarray(0, filled)
}
