/** What a crash, a garbage collection or a new personal key may find of heads. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { readMadeHead, rootOf } from '../../../../src/daemon/heads/made-head.ts'
import type { BlockName, Cid } from '../../../../src/dfs.ts'
import { DfsError } from '../../../../src/errors.ts'
import { verifyHead } from '../../../../src/seal/head-seal.ts'
import { Keys } from '../../../../src/seal/keys.ts'
import { collectGarbage } from '../../../../src/store/gc.ts'
import { MemoryBlocks } from '../../../../src/store/memory-blocks.ts'
import { readHead } from '../../../../src/sync/head-read.ts'
import { HeadNodes } from '../../../../src/sync/head-store.ts'
import { writeMarker } from '../../../../src/vfs/marker.ts'
import { ROOT_INO } from '../../../../src/vfs/operations.ts'
import { referenceSources } from '../../../../src/vfs/references.ts'
import { until } from '../../../e2e/support/process.ts'
import { Random } from '../../../support/random.ts'
import { change, write } from '../../sync/random-changes.ts'
import { KEYS } from '../../sync/support.ts'
import { noise } from '../../vfs/support.ts'
import { temporaryDirectory } from '../temporary.ts'
import { headed, newRig, type Rig, untilHead } from './rig.ts'

/** Blocks that are there after a loss of power only if they were synced; the disk may be full. */
class PowerBlocks extends MemoryBlocks {
  readonly durable = new Map<Cid, Buffer>()
  isFull = false

  override async put(ref: BlockName, bytes: Buffer): Promise<void> {
    if (this.isFull) throw new DfsError('no-space', 'the disk is full')
    await super.put(ref, bytes)
  }

  override async sync(cids: Iterable<Cid> = []): Promise<void> {
    for (const cid of cids) {
      const block = this.open(cid)
      assert(block !== undefined)
      await new Promise(setImmediate)
      this.durable.set(cid, block.read(0, block.bytes))
    }
  }

  /** What is left after a loss of power. */
  async left(): Promise<MemoryBlocks> {
    const left = new MemoryBlocks()
    for (const [cid, bytes] of this.durable)
      if (this.has(cid)) await left.put({ cid, sealedBytes: bytes.length }, bytes)
    return left
  }
}

async function poweredRig(t: TestContext): Promise<Rig & { readonly power: PowerBlocks }> {
  const power = new PowerBlocks()
  const rig = await newRig(t, { store: power })
  return Object.assign(rig, { power })
}

/** Every entry of a head's trees can be read from these blocks. */
async function assertReadable(record: Buffer, store: MemoryBlocks, keys = KEYS): Promise<number> {
  using nodes = new HeadNodes({ store, keys })
  let entries = 0
  for (const folder of readMadeHead(record, keys).folders) {
    for await (const _ of readHead(rootOf(folder), nodes)) entries++
  }
  return entries
}

/** Changes the folder, until so many new heads were made. */
async function makeHeads(
  { heads, folder }: Rig,
  count: number,
  random: Random,
  each: () => Promise<void>,
): Promise<void> {
  for (let made = 0; made < count; made++) {
    const before = heads.current
    for (let changes = random.below(8); changes >= 0; changes--) await change(folder, random)
    await write(folder, ROOT_INO, `head ${made}`, noise(300, made))
    await untilHead({ heads } as Rig, before)
    await each()
  }
}

test('whenever the power goes, the record that is on the disk has all its nodes there', async (t) => {
  await using rig = await poweredRig(t)
  const { heads, folder, power, options } = rig
  for (let i = 0; i < 300; i++) await write(folder, ROOT_INO, `file ${i}`, noise(900, i))
  heads.opened(headed(folder))
  const own = path.join(options.dir, 'own')
  await untilHead(rig)
  assert((await assertReadable(readFileSync(own), await power.left())) > 300)
  await heads.giveTo('friend')
  await makeHeads(rig, 10, new Random(7), async () => {
    await assertReadable(readFileSync(own), await power.left())
    await assertReadable(readFileSync(path.join(options.dir, 'given/friend')), await power.left())
  })
})

test('a full disk costs heads, and nothing of those that are there', async (t) => {
  await using rig = await poweredRig(t)
  const { heads, folder, power, options } = rig
  await write(folder, ROOT_INO, 'a', noise(900))
  heads.opened(headed(folder))
  await untilHead(rig)
  const before = heads.current!
  power.isFull = true
  await write(folder, ROOT_INO, 'b', noise(900))
  await new Promise((resolve) => setTimeout(resolve, 50))
  assert.equal(heads.current, before)
  await assertReadable(before.record, await power.left())
  power.isFull = false
  await write(folder, ROOT_INO, 'c', noise(900))
  await until('heads again', () => heads.current !== before)
  assert((await assertReadable(readFileSync(path.join(options.dir, 'own')), await power.left())) >= 3)
})

test('garbage collections beside it leave every node of every head that somebody keeps', async (t) => {
  await using rig = await newRig(t)
  const { heads, folder, store, keepers } = rig
  await writeMarker(folder.services.tree.rootFd, KEYS.keyId.toString('hex'))
  const random = new Random(11)
  for (let i = 0; i < 200; i++) await write(folder, ROOT_INO, `file ${i}`, noise(900, i))
  heads.opened(headed(folder))
  await untilHead(rig)
  await heads.giveTo('follows')
  await heads.giveTo('is away')
  keepers.get('is away')!.isReachable = false
  const collecting = { isOver: false, deleted: 0 }
  const file = path.join(temporaryDirectory(t), 'candidates')
  const ofFolder = referenceSources(folder.services, folder.path, () => folder.filesystem.names.renames)
  const collect = async () => {
    while (!collecting.isOver) {
      const clock = { nowMs: () => performance.now() }
      const sources = [heads.references, ...ofFolder]
      collecting.deleted += (
        await collectGarbage({ store, sources, candidatesFile: file, clock, gracePeriodMs: 0 })
      ).deleted
    }
  }
  const collector = collect()
  await makeHeads(rig, 12, random, async () => {
    await assertReadable(heads.current!.record, store)
    for (const { record } of keepers.values()) await assertReadable(record!, store)
  })
  collecting.isOver = true
  await collector
  assert(collecting.deleted > 0)
  for (const { record } of keepers.values()) await assertReadable(record!, store)
})

test('with a new personal key trees are made anew, and what is older can still be read', async (t) => {
  const key = Buffer.alloc(32, 7)
  const keys = Keys.derive(key)
  await using rig = await newRig(t, { keys })
  await write(rig.folder, ROOT_INO, 'a', noise(900))
  rig.heads.opened(headed(rig.folder))
  await untilHead(rig)
  const before = rig.heads.current!
  keys.advance({ personalKey: Buffer.alloc(32, 8), epoch: 1 }, [{ personalKey: key, epoch: 0 }])
  rig.heads.forgetTrees()
  await until('a head of the new epoch', () => rig.heads.current !== before)
  const { record, folders } = rig.heads.current!
  assert.equal(verifyHead(record).sealing.epoch, 1)
  assert.notEqual(folders[0]!.root.cid, before.folders[0]!.root.cid)
  for (const one of [before.record, record]) assert.equal(await assertReadable(one, rig.store, keys), 2)
  await assert.rejects(assertReadable(record, rig.store, Keys.derive(key)), { kind: 'wrong-key' })
})
