/** `read`: streams the original that a stub stands for, from a folder that is mounted or not. */
import path from 'node:path'
import { textOf } from '../../bytes/byte-string.ts'
import { DfsError } from '../../errors.ts'
import type { FilesystemOperations } from '../../vfs/operations.ts'
import type { Params, Results } from '../control-api.ts'
import type { Call } from '../control-server.ts'
import { type InsideObject, isDirectory, isFile, withObject } from '../inside.ts'
import { locate } from '../locate.ts'
import { type Context, knownFolders } from './context.ts'
import { readLooseStub } from './loose-stub.ts'

const PIECE_BYTES = 512 * 1024
const O_RDONLY = 0

export async function read(context: Context, params: Params<'read'>, call: Call): Promise<Results['read']> {
  const parts = await context.parts()
  const place = locate(params.path, knownFolders(context.home(), parts))
  if (place === undefined) return readLooseStub(parts, params.path, call)
  const mounted = parts.mounts.find(place.folder) !== undefined
  // What was evicted comes from other devices. A mount said whether they are to be asked.
  if (!mounted) parts.network.startIfUseful()
  return parts.folders.use(place.folder, ({ filesystem }) =>
    withObject(filesystem, place.inside, { mounted }, (object) => send(filesystem, object, call)),
  )
}

async function send(filesystem: FilesystemOperations, object: InsideObject, call: Call): Promise<Results['read']> {
  const { attributes } = object
  if (!isFile(attributes)) throw notAFile(object)
  const handle = await filesystem.open(attributes.ino, O_RDONLY)
  try {
    const piece = Buffer.allocUnsafe(PIECE_BYTES)
    let offset = 0
    for (;;) {
      const bytes = await filesystem.read(handle, offset, piece)
      if (bytes === 0) break
      await call.sendBytes(piece.subarray(0, bytes))
      offset += bytes
      call.onProgress({ done: offset, total: attributes.size, unit: 'bytes' })
    }
    const { mode, mtimeNs } = attributes
    return {
      name: path.basename(textOf(object.path)),
      size: offset,
      mode: mode & 0o777,
      mtimeMs: Number(mtimeNs / 1000n) / 1000,
    }
  } finally {
    await filesystem.release(handle)
  }
}

function notAFile({ path, attributes }: InsideObject): DfsError {
  const kind = isDirectory(attributes) ? 'is-a-directory' : 'invalid'
  return new DfsError(kind, 'is not a file', { op: 'read', subject: textOf(path), mend: 'name one file' })
}
