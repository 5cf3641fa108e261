import assert from 'node:assert/strict'
import test from 'node:test'
import type { Ino } from '../../../../src/dfs.ts'
import { Account } from '../../../../src/fuse/kernel/account.ts'
import { Trimmer } from '../../../../src/fuse/kernel/trimmer.ts'
import type { FilesystemOperations } from '../../../../src/vfs/operations.ts'

/** A kernel that forgets what it is told of at once, or nothing. */
function setUp({ forgets }: { forgets: boolean }) {
  const known = new Set<number>()
  let trims = 0
  const filesystem = {
    forget: (ino: Ino) => void known.delete(ino),
    idleObjects: (count: number) => {
      trims++
      return [...known].slice(0, count).map((ino) => ({ ino: ino as Ino, names: [] }))
    },
  } as unknown as FilesystemOperations
  const trimmer = new Trimmer({
    filesystem,
    knownMax: 100,
    batch: 10,
    drop: (objects) => {
      if (forgets) for (const { ino } of objects) account.forget(ino, 1)
    },
  })
  const account: Account = new Account(filesystem, (count) => trimmer.note(count))
  const lookUp = (ino: number) => {
    known.add(ino)
    account.lookedUp(ino as Ino)
  }
  return { known, lookUp, trims: () => trims }
}

test('what is known longest is taken out of the memory of a kernel that knows too much', () => {
  const { known, lookUp, trims } = setUp({ forgets: true })
  for (let ino = 2; ino < 1002; ino++) lookUp(ino)
  assert.ok(known.size <= 100 && known.size >= 90, `${known.size} are known`)
  assert.ok(known.has(1001) && !known.has(2))
  assert.equal(trims(), 91)
})

test('a kernel that cannot forget is not asked at every lookup', () => {
  const { known, lookUp, trims } = setUp({ forgets: false })
  for (let ino = 2; ino < 1002; ino++) lookUp(ino)
  assert.equal(known.size, 1000)
  assert.equal(trims(), 91)
})
