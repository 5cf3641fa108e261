/**
 * Tells the kernel what it must forget: names, attributes and pages that changed by another way than through it.
 *
 * The kernel may let a notice wait (for a read that is not answered yet, for a directory's lock), so notices are written
 * one after the other from another thread, never from the one that serves.
 */
import type { Ino } from '../../dfs.ts'
import { kindOf } from '../../errors.ts'
import { logger } from '../../log.ts'
import { writeFuseDeviceAside } from '../../posix/fuse-device.ts'
import type { Change, IdleObject } from '../../vfs/operations.ts'
import { NOTIFY } from './protocol.ts'
import { Reply } from './reply.ts'
import { INVAL_ENTRY_OUT, INVAL_INODE_OUT, PRUNE_OUT } from './structs.ts'

const log = logger('fuse')
const PRUNED_AT_ONCE = 1000

export class Notifier {
  readonly #fd: number
  readonly #write: typeof writeFuseDeviceAside
  /** Whether the kernel is not known to be too old for `PRUNE`. */
  #prunes = true
  #last: Promise<void> = Promise.resolve()
  #ended = false

  constructor(fd: number, write = writeFuseDeviceAside) {
    this.#fd = fd
    this.#write = write
  }

  notify(change: Change): void {
    void this.#send('ino' in change ? inodeNotice(change.ino) : entryNotice(change.parent, change.name))
  }

  /** Has the kernel forget what it does not use of these. */
  async drop(objects: readonly IdleObject[]): Promise<void> {
    for (let done = 0; done < objects.length; done += PRUNED_AT_ONCE) {
      const some = objects.slice(done, done + PRUNED_AT_ONCE)
      if (this.#prunes) await this.#send(pruneNotice(some), () => (this.#prunes = false))
      // Kernels before 6.18 forget by names alone, one after the other.
      if (!this.#prunes) for (const change of some.flatMap(({ names }) => names)) this.notify(change)
    }
  }

  /** Resolves once the kernel has written all pages of a file that only it had. */
  flushPages(ino: Ino): Promise<void> {
    return this.#send(inodeNotice(ino))
  }

  /** Resolves once the last notice is gone; no more are sent. To be awaited before the device is closed. */
  end(): Promise<void> {
    this.#ended = true
    return this.#last
  }

  /** Never rejects: the kernel says ENOENT of what it does not know, and EINVAL to a kind of notice that it does not know. */
  #send(notice: Buffer, onUnknown = () => {}): Promise<void> {
    this.#last = this.#last.then(async () => {
      if (this.#ended) return
      await this.#write(this.#fd, notice).catch((error) => {
        log('a notice: %o', error)
        if (kindOf(error) === 'invalid') onUnknown()
      })
    })
    return this.#last
  }
}

function pruneNotice(objects: readonly IdleObject[]): Buffer {
  const bytes = PRUNE_OUT.bytes + 8 * objects.length
  const reply = new Reply(bytes).begin(bytes)
  reply.u32(PRUNE_OUT.count, objects.length)
  for (const [index, { ino }] of objects.entries()) reply.u64(PRUNE_OUT.bytes + 8 * index, ino)
  return sealed(reply, NOTIFY.PRUNE)
}

function inodeNotice(ino: Ino): Buffer {
  // Offset and length 0: all pages, which are written first where they are dirty.
  const reply = new Reply(INVAL_INODE_OUT.bytes).begin(INVAL_INODE_OUT.bytes)
  reply.u64(INVAL_INODE_OUT.ino, ino)
  return sealed(reply, NOTIFY.INVAL_INODE)
}

function entryNotice(parent: Ino, name: string): Buffer {
  const bytes = INVAL_ENTRY_OUT.bytes + name.length + 1
  const reply = new Reply(bytes).begin(bytes)
  reply.u64(INVAL_ENTRY_OUT.parent, parent)
  reply.u32(INVAL_ENTRY_OUT.namelen, name.length)
  reply.latin1(INVAL_ENTRY_OUT.bytes, name)
  return sealed(reply, NOTIFY.INVAL_ENTRY)
}

/** Notices answer no request: their unique is 0, their error the code. */
function sealed(reply: Reply, code: number): Buffer {
  return reply.buffer.subarray(0, reply.seal(0, code))
}
