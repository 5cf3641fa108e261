import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { promisify } from 'node:util'
import type { Worker } from 'node:worker_threads'
import type { BlockRef } from '../../../src/dfs.ts'
import { CHUNK_BYTES_MAX, FRAME_BYTES } from '../../../src/format/chunk-layout.ts'
import { Keys } from '../../../src/seal/keys.ts'
import { SealPool } from '../../../src/seal/pool.ts'
import { sealBlock } from '../../../src/seal/seal-block.ts'
import { splitBlock } from '../../../src/seal/shards.ts'
import { checkProof } from '../../../src/seal/storage-proof.ts'

const keys = Keys.derive(Buffer.alloc(32, 1))
const directory = mkdtempSync(join(tmpdir(), 'dfs-pool-'))
const pool = new SealPool({ keys, threads: 2 })
after(async () => {
  await pool.close()
  rmSync(directory, { recursive: true })
})

/** The plaintext of a block, as `fill` puts it into a slot. */
async function opened(bytes: number, fill: (slot: Buffer) => Promise<unknown>): Promise<Buffer> {
  const slot = pool.memory.take(bytes)
  await fill(slot)
  const plain = Buffer.from(slot)
  pool.memory.give(slot)
  return plain
}

function open(bytes: Buffer, ref: BlockRef): Promise<Buffer> {
  return opened(ref.plainBytes, (slot) => pool.open(bytes, ref, slot))
}

function openFd(fd: number, sealedBytes: number, ref: BlockRef): Promise<Buffer> {
  return opened(ref.plainBytes, (slot) => pool.openFd(fd, sealedBytes, ref, slot))
}

/** Runs `use` with a file descriptor of a file with these bytes. */
async function withFile<T>(bytes: Buffer, use: (fd: number, path: string) => Promise<T>): Promise<T> {
  const path = join(directory, randomBytes(8).toString('hex'))
  writeFileSync(path, bytes)
  const fd = openSync(path, 'r')
  try {
    return await use(fd, path)
  } finally {
    closeSync(fd)
  }
}

test('the pool seals as sealing in place does', async () => {
  for (const plain of [Buffer.from('short'), randomBytes(CHUNK_BYTES_MAX), Buffer.alloc(200_000, 'text ')]) {
    const expected = sealBlock('data', plain, keys)
    assert.deepEqual(await pool.seal('data', Buffer.from(plain)), expected)
    assert.ok((await open(Buffer.from(expected.bytes), expected.ref)).equals(plain))
  }
})

test('what is given stays as it was, whatever memory it is in', async () => {
  const shared = Buffer.from(new SharedArrayBuffer(70_000), 100, 69_000).fill('shared ')
  const own = Buffer.allocUnsafeSlow(70_000).fill('own ')
  const pooled = Buffer.from('pooled')
  for (const plain of [shared, own, pooled]) {
    const before = Buffer.from(plain)
    const block = sealBlock('data', before, keys)
    assert.deepEqual(await pool.seal('data', plain), block)
    assert.ok(plain.equals(before))
    const sealed = Buffer.from(new SharedArrayBuffer(block.bytes.length))
    block.bytes.copy(sealed)
    assert.ok((await open(sealed, block.ref)).equals(before))
  }
})

test('a batch comes back in its order', async () => {
  const plains = Array.from({ length: 20 }, (_, i) => Buffer.from(`file ${i}`))
  const expected = plains.map((plain) => sealBlock('node', plain, keys))
  assert.deepEqual(await pool.sealBatch('node', plains), expected)
  assert.deepEqual(await pool.sealBatch('node', []), [])
})

test('blocks are sealed into files of their own', async () => {
  const plains = [Buffer.from('one'), randomBytes(100_000)]
  const files = plains.map((_, i) => join(directory, `sealed-${i}`))
  const refs = await pool.sealToFiles('data', plains, files)
  for (const [i, plain] of plains.entries()) {
    const { ref, bytes } = sealBlock('data', plain, keys)
    assert.deepEqual(refs[i], ref)
    assert.ok(readFileSync(files[i]!).equals(bytes))
  }
})

test('of blocks that cannot all be written into files none is left', async () => {
  const [first, blocked] = [join(directory, 'first'), join(directory, 'no-such-directory', 'second')]
  const sealing = pool.sealToFiles('data', [Buffer.from('one'), Buffer.from('two')], [first, blocked])
  await assert.rejects(sealing, { kind: 'not-found' })
  assert.ok(!existsSync(first))
})

test('a block is opened from a file descriptor', async () => {
  const plain = randomBytes(5 * FRAME_BYTES + 7)
  const { ref, bytes } = sealBlock('data', plain, keys)
  await withFile(bytes, async (fd) => {
    assert.ok((await openFd(fd, bytes.length, ref)).equals(plain))
  })
})

test('a block in a file is proven to be whole; what is not, is told', async () => {
  const { ref, bytes } = sealBlock('data', randomBytes(3 * FRAME_BYTES), keys)
  const challenge = { cid: ref.cid, blockBytes: bytes.length, slices: [0, 17, 100] }
  await withFile(bytes, async (_fd, path) => {
    checkProof(challenge, await pool.prove(challenge, path))
    const flipped = Buffer.from(bytes)
    flipped[50_000]! ^= 1
    for (const damaged of [flipped, bytes.subarray(1), Buffer.alloc(0)]) {
      writeFileSync(path, damaged)
      await assert.rejects(pool.prove(challenge, path), { kind: 'corrupt', subject: ref.cid })
    }
    rmSync(path)
    await assert.rejects(pool.prove(challenge, path), { kind: 'not-found' })
  })
})

test('a block is written to a file once it is opened; why not, is told', async () => {
  const plain = randomBytes(100_000)
  const { ref, bytes } = sealBlock('data', plain, keys)
  const kept = join(directory, 'kept')
  const slot = pool.memory.take(plain.length)
  assert.equal(await pool.open(bytes, ref, slot, kept), undefined)
  assert.ok(readFileSync(kept).equals(bytes))
  const notKept = await pool.open(bytes, ref, slot, join(directory, 'no-such-directory', 'kept'))
  assert.equal(notKept?.kind, 'not-found')
  assert.ok(slot.equals(plain))
  const damaged = Buffer.from(bytes).fill(0, 500, 501)
  await assert.rejects(pool.open(damaged, ref, slot, join(directory, 'damaged')), { kind: 'corrupt' })
  assert.ok(!existsSync(join(directory, 'damaged')))
  pool.memory.give(slot)
})

test('shared memory of any kind takes what is opened', async () => {
  const plain = randomBytes(1000)
  const { ref, bytes } = sealBlock('data', plain, keys)
  const other = Buffer.from(new SharedArrayBuffer(3000), 500, 2000)
  await pool.open(bytes, ref, other)
  assert.ok(other.subarray(0, 1000).equals(plain))
})

test('errors of workers come back as they were, and the worker goes on', async () => {
  const { ref, bytes } = sealBlock('data', randomBytes(1000), keys)
  const damaged = Buffer.from(bytes)
  damaged[damaged.length - 1]! ^= 1
  await assert.rejects(open(damaged, ref), {
    name: 'DfsError',
    kind: 'corrupt',
    subject: ref.cid,
    op: 'open block',
  })
  await withFile(bytes, async (fd, path) => {
    await assert.rejects(openFd(fd, bytes.length - 1, ref), { kind: 'corrupt' })
    truncateSync(path, 500)
    await assert.rejects(openFd(fd, bytes.length, ref), { kind: 'corrupt', subject: ref.cid })
  })
  const directoryFd = openSync(directory, 'r')
  await assert.rejects(openFd(directoryFd, bytes.length, ref), { kind: 'io', subject: ref.cid })
  closeSync(directoryFd)
  assert.equal((await open(Buffer.from(bytes), ref)).length, 1000)
})

test('many calls at once all get their own answers', async () => {
  const plains = Array.from({ length: 60 }, (_, i) => Buffer.alloc(70_000, `chunk ${i} `))
  const blocks = await Promise.all(plains.map((plain) => pool.seal('data', Buffer.from(plain))))
  const opened = await Promise.all(blocks.map(({ ref, bytes }) => open(bytes, ref)))
  assert.ok(opened.every((plain, i) => plain.equals(plains[i]!)))
})

test('closing fails the calls that wait, and later ones, with aborted', async () => {
  const short = new SealPool({ keys, threads: 1 })
  const calls = Array.from({ length: 8 }, () => short.seal('data', randomBytes(CHUNK_BYTES_MAX)))
  const settled = Promise.allSettled(calls)
  await Promise.all([short.close(), short.close()])
  for (const call of await settled) if (call.status === 'rejected') assert.equal(call.reason.kind, 'aborted')
  await assert.rejects(short.seal('data', Buffer.from('late')), { name: 'DfsError', kind: 'aborted' })
})

/** A pool of one worker, and its workers as they come. */
async function mortalPool() {
  const workers: Worker[] = []
  const remember = (worker: Worker) => workers.push(worker)
  process.on('worker', remember)
  const pool = new SealPool({ keys, threads: 1 })
  await pool.seal('data', Buffer.from('warm'))
  return { pool, workers, forget: () => process.off('worker', remember) }
}

async function until(isSo: () => boolean): Promise<void> {
  const end = performance.now() + 20_000
  while (!isSo()) {
    assert.ok(performance.now() < end, 'in time')
    await new Promise((resolve) => setImmediate(resolve))
  }
}

/** Long enough not to be done before the worker is stopped. */
const LONG = Array(40).fill(randomBytes(CHUNK_BYTES_MAX).subarray(1))

/** Begins to seal into files; resolves with the first of them when it is there. */
async function begun(pool: SealPool, name: string) {
  const files = LONG.map((_, i) => join(directory, `${name}-${i}`))
  const running = pool.sealToFiles('data', LONG, files)
  running.catch(() => {})
  await until(() => existsSync(files[0]!))
  return { running, first: files[0]! }
}

test('what a worker had that dies is done by another', async () => {
  const { pool, workers, forget } = await mortalPool()
  const { running, first } = await begun(pool, 'once')
  const waiting = pool.seal('data', Buffer.from('after'))
  await workers[0]!.terminate()
  assert.deepEqual(await waiting, sealBlock('data', Buffer.from('after'), keys))
  const { ref, bytes } = sealBlock('data', LONG[0], keys)
  assert.deepEqual((await running)[0], ref)
  assert.ok(readFileSync(first).equals(bytes))
  forget()
  await pool.close()
})

test('a call whose workers die twice fails, and the pool goes on', async () => {
  const { pool, workers, forget } = await mortalPool()
  const { running, first } = await begun(pool, 'twice')
  await workers[0]!.terminate()
  rmSync(first)
  await until(() => existsSync(first))
  await workers[1]!.terminate()
  await assert.rejects(running, { name: 'DfsError', kind: 'internal', message: /died/ })
  assert.deepEqual(await pool.seal('data', Buffer.from('after')), sealBlock('data', Buffer.from('after'), keys))
  forget()
  await pool.close()
})

/** Runs a program beside the pool in a process of its own and gives what it printed. */
async function runProgram(program: string): Promise<string> {
  const here = (path: string) => JSON.stringify(new URL(`../../../src/${path}`, import.meta.url).href)
  const prelude = `
    import { SealPool } from ${here('seal/pool.ts')}
    import { Keys } from ${here('seal/keys.ts')}
    const pool = new SealPool({ keys: Keys.derive(Buffer.alloc(32, 1)), threads: 1 })
`
  const run = promisify(execFile)
  const { stdout } = await run(process.execPath, ['--input-type=module', '-e', prelude + program], { timeout: 60_000 })
  return stdout
}

test('a process ends by itself, with the pool closed or idle', async () => {
  assert.equal(
    await runProgram(`await pool.seal('data', Buffer.from('x')); await pool.close(); console.log('end')`),
    'end\n',
  )
  assert.equal(await runProgram(`await pool.seal('data', Buffer.from('x')); console.log('end')`), 'end\n')
})

test('a sealed block is split, and joined of what is left of it', async () => {
  const { ref, bytes } = await pool.seal('data', randomBytes(CHUNK_BYTES_MAX))
  const shards = await pool.split(bytes, { data: 4, parity: 2 })
  assert.deepEqual(
    shards.map(({ cid }) => cid),
    splitBlock(bytes, { data: 4, parity: 2 }).map(({ cid }) => cid),
  )
  const left = [5, 1, 4, 2].map((index) => shards[index]!.bytes)
  const joined = await opened(bytes.length, (slot) => pool.join(ref, left, slot))
  assert(joined.equals(bytes))
  await assert.rejects(
    opened(bytes.length, (slot) => pool.join(ref, left.slice(1), slot)),
    { kind: 'unreachable' },
  )
})
