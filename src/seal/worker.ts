/**
 * A worker of the pool: seals and opens whole blocks away from the event loop. It knows the secrets that sealing
 * needs and nothing else; every answer is transferred, and errors are answers.
 */
import assert from 'node:assert/strict'
import { readSync, rmSync, writeFileSync } from 'node:fs'
import { workerData } from 'node:worker_threads'
import { move, transferableSymbol, valueSymbol } from 'piscina'
import type { BlockRef } from '../dfs.ts'
import { DfsError } from '../errors.ts'
import { BLOCK_BYTES_MAX, frameCountOf, headBytes } from '../format/block.ts'
import { fromNodeError } from '../posix/errno.ts'
import { frameRange, openBlock, openFrames, readFrameTable } from './open-block.ts'
import { sealBlock } from './seal-block.ts'
import {
  bufferOf,
  type OwnBytes,
  refOfWire,
  type SentBytes,
  secretsOfWire,
  type WireRef,
  type WireSecrets,
  type WorkerAnswer,
  type WorkerTask,
  wireError,
  wireRef,
} from './wire.ts'

const secrets = secretsOfWire(workerData as WireSecrets)
/** What is being sealed or opened, one block at a time. */
const scratch = Buffer.allocUnsafeSlow(BLOCK_BYTES_MAX)

export default function runTask(task: WorkerTask): unknown {
  const answer = answerTo(task)
  return move({ [transferableSymbol]: buffersOf(answer), [valueSymbol]: answer } as never)
}

function answerTo(task: WorkerTask): WorkerAnswer {
  try {
    if (task.op === 'open') return { plain: openBlock(privateBytes(task.bytes), refOfWire(task.ref)) as OwnBytes }
    if (task.op === 'seal-to-files') return { written: sealToFiles(task) }
    if (task.op === 'open-fd') return { plain: openFromFd(task.fd, refOfWire(task.ref), task.from, task.to) }
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

function sealToFiles({ kind, plains, files }: Extract<WorkerTask, { op: 'seal-to-files' }>): WireRef[] {
  try {
    return plains.map((plain, i) => {
      const { ref, bytes } = sealBlock(kind, privateBytes(plain), secrets)
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
    writeFileSync(file, bytes, { flag: 'wx', mode: 0o600 })
  } catch (error) {
    throw fromNodeError(error, 'write block', file)
  }
}

/**
 * The bytes where no other thread can write them. A key is derived from the bytes that it seals: were they to change
 * in between, one key and nonce could come to seal two messages.
 */
function privateBytes(bytes: SentBytes): Buffer {
  if (bytes.buffer instanceof ArrayBuffer) return bufferOf(bytes as OwnBytes)
  assert(bytes.length <= scratch.length, 'a chunk or a block')
  scratch.set(bytes)
  return scratch.subarray(0, bytes.length)
}

function openFromFd(fd: number, ref: BlockRef, from: number, to: number): OwnBytes {
  const table = readFrameTable(readExactly(fd, ref, 0, headBytes(frameCountOf(ref.plainBytes))), ref)
  const { offset, bytes } = frameRange(table, from, to)
  return openFrames(table, from, to, readExactly(fd, ref, offset, bytes), ref) as OwnBytes
}

/** A view on the scratch buffer, good until the next call. */
function readExactly(fd: number, ref: BlockRef, position: number, length: number): Buffer {
  let done = 0
  while (done < length) {
    const got = readAt(fd, ref, done, length - done, position + done)
    if (got === 0) throw new DfsError('corrupt', 'the block is cut short', { op: 'open block', subject: ref.cid })
    done += got
  }
  return scratch.subarray(0, length)
}

function readAt(fd: number, ref: BlockRef, at: number, length: number, position: number): number {
  try {
    return readSync(fd, scratch, at, length, position)
  } catch (cause) {
    throw new DfsError('io', `the block cannot be read: ${(cause as Error).message}`, {
      op: 'open block',
      subject: ref.cid,
      cause,
    })
  }
}

function buffersOf(answer: WorkerAnswer): ArrayBuffer[] {
  if ('plain' in answer) return [answer.plain.buffer]
  if ('sealed' in answer) return answer.sealed.map(({ bytes }) => bytes.buffer)
  return []
}
