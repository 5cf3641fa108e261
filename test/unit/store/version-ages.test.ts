import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, it } from 'node:test'
import { encode } from 'cborg'
import type { VersionAge } from '../../../src/dfs.ts'
import { readVersionAges, writeVersionAges } from '../../../src/store/version-ages.ts'
import { temporaryDirectory } from './temporary-directory.ts'

const DIR = temporaryDirectory()
let files = 0
const newFile = () => path.join(DIR, `ages-${files++}`)

function someAges(count: number): Map<string, VersionAge> {
  const ages = new Map<string, VersionAge>()
  for (let i = 0; i < count; i++) ages.set(`${i}/20261122T203015.042Z`, { firstSeenMs: i * 7, lineage: `${i % 3}` })
  return ages
}

describe('version ages', () => {
  it('are read as they were written', async () => {
    for (const count of [0, 1, 1000, 2500]) {
      const file = newFile()
      await writeVersionAges(file, { checkedMs: 42, ages: someAges(count) })
      assert.deepEqual(await readVersionAges(file), { checkedMs: 42, ages: someAges(count) })
    }
  })

  it('are none without a file', async () => {
    assert.deepEqual(await readVersionAges(newFile()), { checkedMs: undefined, ages: new Map() })
  })

  it('are none with a damaged file, which is told of', async (t) => {
    const said = t.mock.method(process.stderr, 'write', () => true)
    const file = newFile()
    await writeVersionAges(file, { checkedMs: 42, ages: someAges(20) })
    const whole = readFileSync(file)
    const damaged = [
      ...[0, 1, 20, 60, whole.length - 1].map((at) => {
        const flipped = Buffer.from(whole)
        flipped[at]! ^= 1
        return flipped
      }),
      whole.subarray(0, whole.length - 1),
      Buffer.alloc(0),
      Buffer.from(encode([1, 2])),
      Buffer.from(encode(null)),
    ]
    for (const bytes of damaged) {
      writeFileSync(file, bytes)
      assert.deepEqual(await readVersionAges(file), { checkedMs: undefined, ages: new Map() })
    }
    assert.equal(said.mock.callCount(), damaged.length)
  })

  it('of a newer dfs are refused and left', async () => {
    const file = newFile()
    const bytes = Buffer.from(encode({ version: 2, something: 'else' }))
    writeFileSync(file, bytes)
    await assert.rejects(readVersionAges(file), { kind: 'newer-version' })
    assert.deepEqual(readFileSync(file), bytes)
  })
})
