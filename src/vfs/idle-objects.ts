/** What a kernel may forget to have memory again. */
import type { InodeTable } from './inode-table.ts'
import type { IdleObject } from './operations.ts'

/** Up to `count` objects that nobody has open, directories aside; here and there among all that are known. */
export function idleObjects(table: InodeTable, count: number): IdleObject[] {
  const found: IdleObject[] = []
  const stride = Math.max(1, Math.floor(table.size / count))
  let skip = Math.floor(Math.random() * stride)
  for (const { ino, kind, opens, file, places } of table.values()) {
    if (skip-- > 0) continue
    skip = stride - 1
    if (found.length >= count) break
    if (kind === 'directory' || opens > 0 || file?.isBusy === true) continue
    found.push({ ino, names: places.map(({ parent, name }) => ({ parent: parent.ino, name })) })
  }
  return found
}
