/**
 * A worker of the pool: seals and opens whole blocks away from the event loop. It knows the secrets that sealing
 * needs and nothing else; every answer is transferred, and errors are answers.
 */
import assert from 'node:assert/strict'
import { closeSync, fstatSync, openSync, readSync, rmSync, writeFileSync } from 'node:fs'
import { workerData } from 'node:worker_threads'
import { move, transferableSymbol, valueSymbol } from 'piscina'
import type { SharedPlace } from '../bytes/shared-slots.ts'
import { collectorOfBytes, collectorOfHeld } from '../concurrency/heap.ts'
import type { BlockName, Cid } from '../dfs.ts'
import { DfsError } from '../errors.ts'
import { BLOCK_BYTES_MAX } from '../format/block.ts'
import { decodeChallenge } from '../format/storage-proof.ts'
import { fromNodeError } from '../posix/errno.ts'
import { openBlock } from './open-block.ts'
import { sealBlock } from './seal-block.ts'
import { joinShards, splitBlock } from './shards.ts'
import { makeProof } from './storage-proof.ts'
import {
  bufferOf,
  type OwnBytes,
  refOfWire,
  type SentBytes,
  secretsOfWire,
  type WireRef,
  type WorkerAnswer,
  type WorkerStart,
  type WorkerTask,
  wireError,
  wireRef,
} from './wire.ts'

const start = workerData as WorkerStart
const secrets = secretsOfWire(start.secrets)
/** What is being sealed or opened, one block at a time. */
const scratch = Buffer.allocUnsafeSlow(BLOCK_BYTES_MAX)
/** What it became, on its way into a file. */
const sealed = Buffer.allocUnsafeSlow(BLOCK_BYTES_MAX)

/** A compressor is old when it dies, and keeps 64 KiB until the old are collected: V8 lets some 60 MiB of these gather. */
const HELD_BYTES_MAX = 8 * 1024 * 1024
const collectHeld = collectorOfHeld(HELD_BYTES_MAX)
const collectAfter = collectorOfBytes()

export default function runTask(task: WorkerTask): unknown {
  const answer = answerTo(task)
  if (collectAfter(bytesOf(task))) collectHeld()
  return move({ [transferableSymbol]: buffersOf(answer), [valueSymbol]: answer } as never)
}

function answerTo(task: WorkerTask): WorkerAnswer {
  try {
    if (task.op === 'open') return open(task)
    if (task.op === 'seal-to-files') return { written: sealToFiles(task) }
    if (task.op === 'open-fd') return openFromFd(task)
    if (task.op === 'prove') return { proof: prove(task) }
    if (task.op === 'split') return split(task)
    if (task.op === 'join') return join(task)
    return {
      sealed: task.plains.map((plain) => {
        const { ref, bytes } = sealBlock(task.kind, privateBytes(plain), secrets)
        return { ref: wireRef(ref), bytes: bytes as OwnBytes }
      }),
    }
  } catch (error) {
    return { error: wireError(error) }
  }
}

function open({ bytes, ref, into, keepAs }: Extract<WorkerTask, { op: 'open' }>): WorkerAnswer {
  const block = privateBytes([bytes])
  openBlock(block, refOfWire(ref), bufferAt(into))
  if (keepAs === undefined) return { opened: true }
  try {
    writeFile(keepAs, block)
    return { opened: true }
  } catch (error) {
    rmSync(keepAs, { force: true })
    return { opened: true, notKept: wireError(error) }
  }
}

function openFromFd({ fd, ref: wire, into }: Extract<WorkerTask, { op: 'open-fd' }>): WorkerAnswer {
  const ref = refOfWire(wire)
  openBlock(readExactly(fd, ref), ref, bufferAt(into))
  return { opened: true }
}

function split({ bytes, data, parity }: Extract<WorkerTask, { op: 'split' }>): WorkerAnswer {
  const shards = splitBlock(privateBytes([bytes]), { data, parity })
  // Each in memory of its own, which is transferred.
  return { shards: shards.map(({ cid, bytes }) => ({ cid, bytes: new Uint8Array(bytes) })) }
}

function join({ shards, cid, sealedBytes, into }: Extract<WorkerTask, { op: 'join' }>): WorkerAnswer {
  const given = shards.map((shard) => ('buffer' in shard ? bufferOf(shard) : Buffer.from(bufferAt(shard))))
  joinShards({ cid: cid as Cid, sealedBytes }, given).block.copy(bufferAt(into))
  return { joined: true }
}

function sealToFiles({ kind, plains, files }: Extract<WorkerTask, { op: 'seal-to-files' }>): WireRef[] {
  try {
    return plains.map((plain, i) => {
      const { ref, bytes } = sealBlock(kind, privateBytes(plain), secrets, sealed)
      writeFile(files[i]!, bytes)
      return wireRef(ref)
    })
  } catch (error) {
    for (const file of files) rmSync(file, { force: true })
    throw error
  }
}

function writeFile(file: string, bytes: Buffer): void {
  try {
    // There may be something of a worker that died.
    writeFileSync(file, bytes, { mode: 0o600 })
  } catch (error) {
    throw fromNodeError(error, 'write block', file)
  }
}

/**
 * The bytes where no other thread can write them. A key is derived from the bytes that it seals: were they to change
 * in between, one key and nonce could come to seal two messages.
 */
function privateBytes(pieces: readonly SentBytes[]): Buffer {
  const [first] = pieces
  if (first !== undefined && 'buffer' in first && pieces.length === 1) return bufferOf(first)
  let end = 0
  for (const piece of pieces) {
    assert(end + lengthOf(piece) <= scratch.length, 'a chunk or a block')
    scratch.set('buffer' in piece ? piece : bufferAt(piece), end)
    end += lengthOf(piece)
  }
  return scratch.subarray(0, end)
}

function lengthOf(piece: SentBytes): number {
  return 'buffer' in piece ? piece.length : piece.bytes
}

function bufferAt({ memory = start.memory, offset, bytes }: SharedPlace): Buffer {
  return Buffer.from(memory, offset, bytes)
}

function prove({ file, challenge: encoded }: Extract<WorkerTask, { op: 'prove' }>): OwnBytes {
  const challenge = decodeChallenge(bufferOf(encoded))
  const { cid, blockBytes: sealedBytes } = challenge
  const fd = openFile(file)
  try {
    if (fstatSync(fd).size !== sealedBytes) {
      throw new DfsError('corrupt', 'the block has another length', { op: 'prove storage', subject: cid })
    }
    // Memory of its own, for it goes over to the other thread.
    return new Uint8Array(makeProof(challenge, readExactly(fd, { cid, sealedBytes })))
  } finally {
    closeSync(fd)
  }
}

function openFile(file: string): number {
  try {
    return openSync(file, 'r')
  } catch (error) {
    throw fromNodeError(error, 'prove storage', file)
  }
}

/** The whole block, in the scratch buffer: good until the next call. */
function readExactly(fd: number, ref: BlockName): Buffer {
  assert(ref.sealedBytes <= scratch.length, 'a block')
  for (let done = 0; done < ref.sealedBytes; ) {
    const got = readAt(fd, ref, done)
    if (got === 0) throw new DfsError('corrupt', 'the block is cut short', { op: 'open block', subject: ref.cid })
    done += got
  }
  return scratch.subarray(0, ref.sealedBytes)
}

function readAt(fd: number, ref: BlockName, at: number): number {
  try {
    return readSync(fd, scratch, at, ref.sealedBytes - at, at)
  } catch (cause) {
    throw new DfsError('io', `the block cannot be read: ${(cause as Error).message}`, {
      op: 'open block',
      subject: ref.cid,
      cause,
    })
  }
}

function bytesOf(task: WorkerTask): number {
  if (task.op === 'open' || task.op === 'open-fd') return task.ref.plainBytes
  if (task.op === 'prove') return 0
  if (task.op === 'split') return lengthOf(task.bytes)
  if (task.op === 'join') return task.sealedBytes
  return task.plains.flat().reduce((sum, piece) => sum + lengthOf(piece), 0)
}

function buffersOf(answer: WorkerAnswer): ArrayBuffer[] {
  if ('sealed' in answer) return answer.sealed.map(({ bytes }) => bytes.buffer)
  if ('proof' in answer) return [answer.proof.buffer]
  if ('shards' in answer) return answer.shards.map(({ bytes }) => bytes.buffer)
  return []
}
