import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, it } from 'node:test'
import { FilePins } from '../../../src/store/file-pins.ts'
import { temporaryDirectory } from './temporary-directory.ts'

const ids = Array.from({ length: 5 }, () => randomBytes(16))
const newFile = () => path.join(temporaryDirectory(), 'pins')

describe('FilePins', () => {
  it('keeps what was pinned, and no other', async () => {
    const file = newFile()
    const pins = await FilePins.open(file)
    assert.equal(await pins.add(ids.slice(0, 3)), 3)
    assert.equal(await pins.add(ids.slice(2, 4)), 1)
    assert.equal(await pins.remove([ids[0]!, ids[4]!]), 1)
    for (const known of [pins, await FilePins.open(file)]) {
      assert.deepEqual(
        ids.map((id) => known.has(id)),
        [false, true, true, true, false],
      )
      assert.equal(known.size, 3)
    }
  })

  it('changes nothing that cannot be kept', async () => {
    const pins = await FilePins.open(path.join(newFile(), 'in', 'no', 'directory'))
    await assert.rejects(pins.add(ids), { kind: 'io' })
    assert.equal(pins.size, 0)
  })

  it('makes changes one after the other', async () => {
    const file = newFile()
    const pins = await FilePins.open(file)
    await Promise.all(ids.map((id) => pins.add([id])))
    await Promise.all([pins.remove([ids[1]!]), pins.add([ids[1]!]), pins.remove([ids[3]!])])
    assert.deepEqual(
      ids.map((id) => pins.has(id)),
      [true, true, true, false, true],
    )
    assert.equal((await FilePins.open(file)).size, 4)
  })

  it('begins anew where its file is damaged', async () => {
    const file = newFile()
    await (await FilePins.open(file)).add(ids)
    const bytes = readFileSync(file)
    bytes[bytes.length - 1]! ^= 1
    writeFileSync(file, bytes)
    assert.equal((await FilePins.open(file)).size, 0)
  })
})
