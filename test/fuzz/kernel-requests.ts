/**
 * Requests of the FUSE kernel protocol as a kernel would send them, then spoilt: made of the numbers, handles and names
 * that earlier answers gave, with bits turned, fields replaced, and bytes cut off or added.
 */
import { OPCODE, type OperationName } from '../../src/fuse/kernel/protocol.ts'
import * as structs from '../../src/fuse/kernel/structs.ts'
import type { Random } from '../support/random.ts'

export interface FuzzedRequest {
  readonly opcode: number
  readonly ino: number
  readonly body: Buffer
}

const NAMES = ['a', 'b', 'a.f', 'b.f~', 'c', '.dfs', 'x'.repeat(255)]
const NUMBERS = [0, 1, 2, 511, 4096, 65_536, 1_048_576, 0x7fff_ffff, 0xffff_ffff]
const KNOWN_MAX = 200
/** Flags of open(2), modes of files, of fallocate(2) and of renameat2(2): whatever a field means, some of it makes sense. */
const WORDS = [...NUMBERS, 0o1000, 0o100644, 0o40755, 3, 0x11, 0o2, 0o1102]

/** What is before the names or data of each request, and how many names follow. */
const SHAPES: Readonly<Partial<Record<OperationName, { head: number; names?: number; data?: true }>>> = {
  LOOKUP: { head: 0, names: 1 },
  FORGET: { head: structs.FORGET_IN.bytes },
  BATCH_FORGET: { head: structs.BATCH_FORGET_IN.bytes, data: true },
  GETATTR: { head: structs.GETATTR_IN.bytes },
  SETATTR: { head: structs.SETATTR_IN.bytes },
  READLINK: { head: 0 },
  SYMLINK: { head: 0, names: 2 },
  MKNOD: { head: structs.MKNOD_IN.bytes, names: 1 },
  MKDIR: { head: structs.MKDIR_IN.bytes, names: 1 },
  UNLINK: { head: 0, names: 1 },
  RMDIR: { head: 0, names: 1 },
  RENAME: { head: structs.RENAME_IN.bytes, names: 2 },
  RENAME2: { head: structs.RENAME2_IN.bytes, names: 2 },
  LINK: { head: structs.LINK_IN.bytes, names: 1 },
  OPEN: { head: structs.OPEN_IN.bytes },
  CREATE: { head: structs.CREATE_IN.bytes, names: 1 },
  TMPFILE: { head: structs.CREATE_IN.bytes, names: 1 },
  READ: { head: structs.READ_IN.bytes },
  WRITE: { head: structs.WRITE_IN.bytes, data: true },
  STATFS: { head: 0 },
  RELEASE: { head: structs.RELEASE_IN.bytes },
  FLUSH: { head: structs.FLUSH_IN.bytes },
  SETXATTR: { head: structs.SETXATTR_EXT_IN.bytes, names: 1, data: true },
  GETXATTR: { head: structs.GETXATTR_IN.bytes, names: 1 },
  LISTXATTR: { head: structs.GETXATTR_IN.bytes },
  REMOVEXATTR: { head: 0, names: 1 },
  OPENDIR: { head: structs.OPEN_IN.bytes },
  READDIR: { head: structs.READ_IN.bytes },
  READDIRPLUS: { head: structs.READ_IN.bytes },
  RELEASEDIR: { head: structs.RELEASE_IN.bytes },
  INTERRUPT: { head: structs.INTERRUPT_IN.bytes },
  FALLOCATE: { head: structs.FALLOCATE_IN.bytes },
  LSEEK: { head: structs.LSEEK_IN.bytes },
  COPY_FILE_RANGE: { head: structs.COPY_FILE_RANGE_IN.bytes },
  COPY_FILE_RANGE_64: { head: structs.COPY_FILE_RANGE_IN.bytes },
}
const KINDS = Object.keys(SHAPES) as OperationName[]

export class KernelRequests {
  readonly #random: Random
  readonly #inos: number[] = [1]
  readonly #handles: number[] = [0]

  constructor(random: Random) {
    this.#random = random
  }

  /** Takes note of what an answer without an error gave. */
  learn(opcode: number, body: Buffer): void {
    const { CREATE, TMPFILE, OPEN, OPENDIR, LOOKUP, MKDIR, MKNOD, LINK, SYMLINK } = OPCODE
    const entry = structs.ENTRY_OUT.bytes
    if (([CREATE, TMPFILE, LOOKUP, MKDIR, MKNOD, LINK, SYMLINK] as number[]).includes(opcode))
      this.#keep(this.#inos, body, 0)
    if (opcode === CREATE || opcode === TMPFILE) this.#keep(this.#handles, body, entry)
    if (opcode === OPEN || opcode === OPENDIR) this.#keep(this.#handles, body, 0)
  }

  next(): FuzzedRequest {
    const random = this.#random
    const kind = random.pick(KINDS)
    const body = this.#body(SHAPES[kind]!)
    const opcode = random.oneIn(100) ? random.below(80) : OPCODE[kind]
    const ino = random.oneIn(30) ? random.below(300) : random.oneIn(2) ? 1 : random.pick(this.#inos)
    return { opcode, ino, body: random.oneIn(3) ? body : this.#spoil(body) }
  }

  #body({ head, names = 0, data }: { head: number; names?: number; data?: true }): Buffer {
    const random = this.#random
    const fields = Buffer.alloc(head)
    for (let at = 0; at + 8 <= head; at += 8) {
      const known = random.pick([this.#handles, this.#inos, undefined, undefined])
      if (known !== undefined) fields.writeBigUInt64LE(BigInt(random.pick(known)), at)
      else for (const half of [0, 4]) fields.writeUInt32LE(random.oneIn(2) ? 0 : random.pick(WORDS), at + half)
    }
    // Where most requests have their handle.
    if (head >= 16 && !random.oneIn(4)) fields.writeBigUInt64LE(BigInt(random.pick(this.#handles)), 0)
    const texts = Array.from({ length: names }, () => Buffer.from(`${random.pick(NAMES)}\0`))
    return Buffer.concat([fields, ...texts, data ? random.bytes(random.pick([0, 16, 64, 5000])) : Buffer.alloc(0)])
  }

  #spoil(body: Buffer): Buffer {
    const random = this.#random
    for (let turns = random.below(3); turns > 0 && body.length > 0; turns--) {
      body[random.below(body.length)]! ^= 1 << random.below(8)
    }
    if (random.oneIn(8) && body.length >= 8)
      body.writeUInt32LE(random.pick(NUMBERS), random.below(body.length / 4 - 1) * 4)
    if (random.oneIn(8)) return body.subarray(0, random.below(body.length + 1))
    return random.oneIn(16) ? Buffer.concat([body, random.bytes(random.below(40))]) : body
  }

  #keep(known: number[], body: Buffer, at: number): void {
    const number = Number(body.readBigUInt64LE(at))
    if (known.length < KNOWN_MAX) known.push(number)
    else known[this.#random.below(known.length)] = number
  }
}

/** Why an answer's body is of a length that the kernel would refuse; undefined if it is right. */
export function wrongLength({ opcode, body: asked }: FuzzedRequest, errno: number, bytes: number): string | undefined {
  const wanted = errno !== 0 ? 0 : lengthOf(opcode, asked)
  if (typeof wanted === 'number' ? bytes === wanted : bytes <= wanted.most) return undefined
  return `opcode ${opcode} was answered with ${bytes} bytes instead of ${JSON.stringify(wanted)}`
}

function lengthOf(opcode: number, asked: Buffer): number | { most: number } {
  switch (opcode) {
    case OPCODE.LOOKUP:
    case OPCODE.MKNOD:
    case OPCODE.MKDIR:
    case OPCODE.SYMLINK:
    case OPCODE.LINK:
      return structs.ENTRY_OUT.bytes
    case OPCODE.CREATE:
    case OPCODE.TMPFILE:
      return structs.ENTRY_OUT.bytes + structs.OPEN_OUT.bytes
    case OPCODE.GETATTR:
    case OPCODE.SETATTR:
      return structs.ATTR_OUT.bytes
    case OPCODE.OPEN:
    case OPCODE.OPENDIR:
      return structs.OPEN_OUT.bytes
    case OPCODE.READ:
    case OPCODE.READDIR:
    case OPCODE.READDIRPLUS:
      return { most: asked.readUInt32LE(structs.READ_IN.size) }
    case OPCODE.GETXATTR:
    case OPCODE.LISTXATTR: {
      const size = asked.readUInt32LE(structs.GETXATTR_IN.size)
      return size === 0 ? structs.GETXATTR_OUT.bytes : { most: size }
    }
    case OPCODE.READLINK:
      return { most: 4096 }
    case OPCODE.WRITE:
      return structs.WRITE_OUT.bytes
    case OPCODE.STATFS:
      return structs.STATFS_OUT.bytes
    case OPCODE.LSEEK:
      return structs.LSEEK_OUT.bytes
    case OPCODE.COPY_FILE_RANGE:
    case OPCODE.COPY_FILE_RANGE_64:
      return structs.COPY_FILE_RANGE_OUT.bytes
    default:
      return 0
  }
}
