/** Reading and writing past the page cache (O_DIRECT), beside mappings and cached reads and writes of the same file. */
import assert from 'node:assert/strict'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { Random, seedFrom } from '../../support/random.ts'
import { Mapping, pageAligned } from '../../support/syscalls.ts'
import { assertContent, noise, withFile } from '../support/files.ts'
import { mountedSuite } from '../support/mounted-suite.ts'

const { O_RDWR, O_DIRECT } = fs.constants
const PAGE = 4096
const PAGES = 96
const STEPS = 400

mountedSuite('direct input and output', ({ lasts, test }) => {
  test('what a mapping changed is read directly, and what is written directly shows in the mapping', (directory) => {
    const path = join(directory, 'file')
    fs.writeFileSync(path, noise(PAGES * PAGE))
    const memory = pageAligned(PAGE)
    withFile(path, O_RDWR | O_DIRECT, (fd) => {
      using mapping = new Mapping(fd, PAGES * PAGE)
      mapping.bytes.fill(7, PAGE, 2 * PAGE)
      fs.readSync(fd, memory, 0, PAGE, PAGE)
      assert(memory.every((byte) => byte === 7))
      memory.fill(8)
      fs.writeSync(fd, memory, 0, PAGE, PAGE)
      assert(mapping.bytes.subarray(PAGE, 2 * PAGE).every((byte) => byte === 8))
      assert.equal(mapping.bytes[2 * PAGE], noise(PAGES * PAGE)[2 * PAGE])
    })
  })

  lasts('in any order, directly, through the cache and through a mapping, all see the same', (directory) => {
    const seed = seedFrom('DFS_DIRECT_SEED')
    const random = new Random(seed)
    const path = join(directory, 'file')
    const expected = noise(PAGES * PAGE, seed)
    fs.writeFileSync(path, expected)
    const direct = fs.openSync(path, O_RDWR | O_DIRECT)
    const cached = fs.openSync(path, O_RDWR)
    const memory = pageAligned(8 * PAGE)
    try {
      using mapping = new Mapping(cached, PAGES * PAGE)
      for (let step = 0; step < STEPS; step++) {
        const length = (1 + random.below(8)) * PAGE
        const at = random.below(PAGES - 7) * PAGE
        const part = memory.subarray(0, length)
        const how = random.pick(['direct', 'cached', 'mapped'])
        if (random.oneIn(2)) {
          random.bytes(length).copy(part)
          part.copy(expected, at)
          if (how === 'mapped') mapping.bytes.set(part, at)
          else assert.equal(fs.writeSync(how === 'direct' ? direct : cached, part, 0, length, at), length)
          continue
        }
        if (how === 'mapped') part.set(mapping.bytes.subarray(at, at + length))
        else assert.equal(fs.readSync(how === 'direct' ? direct : cached, part, 0, length, at), length)
        assert(part.equals(expected.subarray(at, at + length)), `DFS_DIRECT_SEED=${seed}, step ${step}, ${how}`)
      }
    } finally {
      fs.closeSync(direct)
      fs.closeSync(cached)
    }
    return () => assertContent(path, expected)
  })

  lasts('a file that is written directly grows, and ends where it was cut', (directory) => {
    const path = join(directory, 'file')
    const memory = pageAligned(64 * PAGE)
    noise(memory.length).copy(memory)
    withFile(path, O_RDWR | O_DIRECT | fs.constants.O_CREAT, (fd) => {
      fs.writeSync(fd, memory, 0, memory.length, 0)
      fs.writeSync(fd, memory, 0, PAGE, memory.length)
      assert.equal(fs.fstatSync(fd).size, memory.length + PAGE)
      fs.ftruncateSync(fd, memory.length + 100)
      const tail = pageAligned(PAGE)
      assert.equal(fs.readSync(fd, tail, 0, PAGE, memory.length), 100)
      assert(tail.subarray(0, 100).equals(memory.subarray(0, 100)))
    })
    const expected = Buffer.concat([memory, memory.subarray(0, 100)])
    return () => assertContent(path, expected)
  })
})
