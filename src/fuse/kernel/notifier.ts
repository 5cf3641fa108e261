/**
 * Tells the kernel what it must forget: names, attributes and pages that changed by another way than through it.
 *
 * The kernel may let a notice wait (for a read that is not answered yet, for a directory's lock), so notices are written
 * one after the other from another thread, never from the one that serves.
 */
import type { Ino } from '../../dfs.ts'
import { logger } from '../../log.ts'
import { writeFuseDeviceAside } from '../../posix/fuse-device.ts'
import type { Change } from '../../vfs/operations.ts'
import { NOTIFY } from './protocol.ts'
import { Reply } from './reply.ts'
import { INVAL_ENTRY_OUT, INVAL_INODE_OUT } from './structs.ts'

const log = logger('fuse')

export class Notifier {
  readonly #fd: number
  #last: Promise<void> = Promise.resolve()
  #ended = false

  constructor(fd: number) {
    this.#fd = fd
  }

  notify(change: Change): void {
    void this.#send('ino' in change ? inodeNotice(change.ino) : entryNotice(change.parent, change.name))
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

  /** Never rejects: the kernel says ENOENT of what it does not know. */
  #send(notice: Buffer): Promise<void> {
    this.#last = this.#last.then(async () => {
      if (this.#ended) return
      await writeFuseDeviceAside(this.#fd, notice).catch((error) => log('a notice: %o', error))
    })
    return this.#last
  }
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
