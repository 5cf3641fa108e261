/** Reads small files of an open folder, for what goes by what they say. */
import type { ByteString } from '../../dfs.ts'
import type { FilesystemOperations } from '../../vfs/operations.ts'
import { withObject } from '../inside.ts'

const O_RDONLY = 0

/** The beginning of a file, as long as it is and at most `bytesMax`; from other devices if it is not here. Fails as a program's read would. */
export function readBeginning(filesystem: FilesystemOperations, path: ByteString, bytesMax: number): Promise<Buffer> {
  return withObject(filesystem, path, { mounted: true }, async ({ attributes: { ino, size } }) => {
    const handle = await filesystem.open(ino, O_RDONLY)
    try {
      const bytes = Buffer.alloc(Math.min(size, bytesMax))
      return bytes.subarray(0, await filesystem.read(handle, 0, bytes))
    } finally {
      await filesystem.release(handle)
    }
  })
}
