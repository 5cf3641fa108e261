/** A session without a kernel: requests are made here, and the answers kept. */
import { Account } from '../../../../src/fuse/kernel/account.ts'
import { attributeOperations } from '../../../../src/fuse/kernel/attribute-operations.ts'
import { LASTING } from '../../../../src/fuse/kernel/attributes.ts'
import type { Context } from '../../../../src/fuse/kernel/context.ts'
import { directoryOperations } from '../../../../src/fuse/kernel/directory-operations.ts'
import { Dispatcher } from '../../../../src/fuse/kernel/dispatcher.ts'
import { fileOperations } from '../../../../src/fuse/kernel/file-operations.ts'
import { forgetOperations } from '../../../../src/fuse/kernel/forget-operations.ts'
import { nameOperations } from '../../../../src/fuse/kernel/name-operations.ts'
import { type Settings, settle } from '../../../../src/fuse/kernel/negotiation.ts'
import { openOperations } from '../../../../src/fuse/kernel/open-operations.ts'
import { OPCODE, type OperationName } from '../../../../src/fuse/kernel/protocol.ts'
import { ReplyPool } from '../../../../src/fuse/kernel/reply-pool.ts'
import { Request } from '../../../../src/fuse/kernel/request.ts'
import { IN_HEADER, OUT_HEADER } from '../../../../src/fuse/kernel/structs.ts'
import type { Change, FilesystemOperations } from '../../../../src/vfs/operations.ts'

export interface Answer {
  readonly unique: number
  /** Positive errno, 0 for success. */
  readonly errno: number
  readonly body: Buffer
}

const REQUEST_BYTES_MAX = 65536

export class FakeKernel {
  readonly account: Account
  readonly answers: Answer[] = []
  /** What it was told unasked. */
  readonly notices: Change[] = []
  /** Threads that were killed. */
  readonly killed = new Set<number>()
  /** What a real kernel would have refused. */
  readonly faults: string[] = []
  /** What the kernel says to the next answers: 0, or an errno. */
  refusal = 0
  readonly #dispatcher: Dispatcher
  #unique = 2

  constructor(filesystem: FilesystemOperations) {
    this.account = new Account(filesystem)
    const settings: Settings = settle({ major: 7, minor: 40, maxReadahead: 131072, flags: -1 }, { acls: false })
    const context: Context = {
      filesystem,
      account: this.account,
      replies: new ReplyPool(REQUEST_BYTES_MAX),
      settings: () => settings,
      validityOf: () => LASTING,
      keepsCache: true,
      notify: (change) => void this.notices.push(change),
      flushPages: async () => {},
    }
    const operations = {
      ...forgetOperations(context),
      ...nameOperations(context),
      ...openOperations(context),
      ...fileOperations(context),
      ...directoryOperations(context),
      ...attributeOperations(context),
    }
    this.#dispatcher = new Dispatcher(
      operations,
      (bytes, length) => this.#receive(bytes.subarray(0, length)),
      (thread) => this.killed.has(thread),
    )
  }

  /** Sends a request and gives its answer; undefined if there was none. */
  async ask(name: OperationName | number, ino: number, body: Buffer): Promise<Answer | undefined> {
    this.#unique += 2
    const unique = this.#unique
    await this.send(message(typeof name === 'number' ? name : OPCODE[name], unique, ino, body))
    return this.answers.find((answer) => answer.unique === unique)
  }

  /** Sends any bytes, as if read from the device; resolves when they are served. */
  async send(bytes: Buffer): Promise<void> {
    const request = new Request(Math.max(bytes.length, IN_HEADER.bytes))
    bytes.copy(request.buffer)
    if (!request.begin(bytes.length)) return
    const served = this.#dispatcher.serve(request)
    // As the next request would do.
    if (this.#dispatcher.readsAtOnce(request)) request.buffer.fill(0xdb)
    await served
  }

  #receive(bytes: Buffer): number {
    if (this.refusal !== 0) return this.refusal
    // Thrown, this would become an answer.
    if (bytes.readUInt32LE(OUT_HEADER.len) !== bytes.length)
      this.faults.push('an answer of another length than it says')
    const unique = Number(bytes.readBigUInt64LE(OUT_HEADER.unique))
    const body = Buffer.from(bytes.subarray(OUT_HEADER.bytes))
    this.answers.push({ unique, errno: Math.abs(bytes.readInt32LE(OUT_HEADER.error)), body })
    return 0
  }
}

export function message(opcode: number, unique: number, ino: number, body: Buffer, pid = 0): Buffer {
  const header = Buffer.alloc(IN_HEADER.bytes)
  header.writeUInt32LE(header.length + body.length, IN_HEADER.len)
  header.writeUInt32LE(opcode >>> 0, IN_HEADER.opcode)
  header.writeBigUInt64LE(BigInt(unique), IN_HEADER.unique)
  header.writeBigUInt64LE(BigInt(ino), IN_HEADER.nodeid)
  header.writeUInt32LE(pid, IN_HEADER.pid)
  return Buffer.concat([header, body])
}
