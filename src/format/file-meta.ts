/** The fields that stubs, journal records and index entries share: the metadata of a file. */
import type { Reader, Writer } from '../bytes/cursor.ts'
import type { FileMeta } from '../dfs.ts'
import { requireRule } from './refuse.ts'

/** Length of the metadata: size u53, mtime i64, ctime i64, mode u16. */
export const META_BYTES = 26

/** Everything in a mode but the type of the object. */
const PERMISSION_BITS = 0o7777

export function writeMeta(writer: Writer, { size, mtimeNs, ctimeNs, mode }: FileMeta): Writer {
  return writer
    .u53(size)
    .i64(mtimeNs)
    .i64(ctimeNs)
    .u16(mode & PERMISSION_BITS)
}

/** Fails with `corrupt`. */
export function readMeta(reader: Reader): FileMeta {
  const size = reader.u53()
  const mtimeNs = reader.i64()
  const ctimeNs = reader.i64()
  const mode = reader.u16()
  requireRule(mode <= PERMISSION_BITS, 'file metadata: mode has more than permission bits')
  return { mode, size, mtimeNs, ctimeNs }
}
