/**
 * One mount's conversation with the kernel, from INIT to the end of the connection.
 */
import { logger } from '../../log.ts'
import { endsBySignal } from '../../posix/ending.ts'
import { writeFuseDevice } from '../../posix/fuse-device.ts'
import type { FilesystemOperations } from '../../vfs/operations.ts'
import type { MountOptions } from '../driver.ts'
import { Account } from './account.ts'
import { attributeOperations } from './attribute-operations.ts'
import { BRIEF, FLEETING, LASTING } from './attributes.ts'
import type { Context } from './context.ts'
import { directoryOperations } from './directory-operations.ts'
import { Dispatcher } from './dispatcher.ts'
import { fileOperations } from './file-operations.ts'
import { forgetOperations } from './forget-operations.ts'
import { DeviceLoop } from './loop.ts'
import { nameOperations } from './name-operations.ts'
import { decodeOffer, encodeSettings, REQUEST_BYTES_MAX, type Settings, settle } from './negotiation.ts'
import { Notifier } from './notifier.ts'
import { openOperations } from './open-operations.ts'
import type { Operations } from './operation.ts'
import { ReplyPool } from './reply-pool.ts'
import type { Request } from './request.ts'
import { INIT_IN } from './structs.ts'
import { Trimmer } from './trimmer.ts'

const log = logger('fuse')

export class Session {
  readonly #account: Account
  readonly #notifier: Notifier
  readonly #loop: DeviceLoop
  readonly #ready = Promise.withResolvers<Settings>()
  readonly #ended: Promise<void>
  #settings: Settings | undefined

  /** Serves the connection of `fd`, which it takes over, until its end. */
  constructor(fd: number, { filesystem, openBelow = false }: Pick<MountOptions, 'filesystem' | 'openBelow'>) {
    const validity = openBelow ? BRIEF : LASTING
    this.#notifier = new Notifier(fd)
    const trimmer = new Trimmer({ filesystem, drop: (objects) => void this.#notifier.drop(objects) })
    this.#account = new Account(filesystem, (known) => trimmer.note(known))
    const unwatch = filesystem.watch?.((change) => this.#notifier.notify(change))
    const context: Context = {
      filesystem,
      account: this.#account,
      replies: new ReplyPool(REQUEST_BYTES_MAX),
      settings: () => this.#settings!,
      validityOf: (ino) => (filesystem.isVolatile?.(ino) === true ? FLEETING : validity),
      keepsCache: !openBelow,
      notify: (change) => this.#notifier.notify(change),
      flushPages: async (ino) => {
        if (this.#account.isWritten(ino)) await this.#notifier.flushPages(ino)
      },
    }
    const operations: Operations = {
      ...this.#ownOperations(filesystem),
      ...forgetOperations(context),
      ...nameOperations(context),
      ...openOperations(context),
      ...fileOperations(context),
      ...directoryOperations(context),
      ...attributeOperations(context),
    }
    const send = (bytes: Buffer, length: number) => writeFuseDevice(fd, bytes, length)
    const dispatcher = new Dispatcher(operations, send, endsBySignal)
    this.#loop = new DeviceLoop(fd, dispatcher, () => {
      unwatch?.()
      return this.#notifier.end()
    })
    this.#ready.promise.catch(() => {})
    this.#ended = this.#loop.ended.then(() => this.#account.settle())
  }

  /** Resolves once kernel and driver have agreed; fails with `unsupported`. */
  get ready(): Promise<Settings> {
    return this.#ready.promise
  }

  /** Resolves once no request can come any more, and what the kernel had is given back. */
  get ended(): Promise<void> {
    return this.#ended
  }

  #ownOperations({ keepsAcls = false }: FilesystemOperations): Operations {
    return {
      INIT: {
        bodyBytes: INIT_IN.bytes,
        serve: (request) => this.#agree(request, keepsAcls),
        encode: (reply, settings: Settings) => {
          encodeSettings(reply, settings)
          return undefined
        },
      },
      DESTROY: { bodyBytes: 0, serve: () => {} },
    }
  }

  #agree(request: Request, acls: boolean): Settings {
    try {
      const offer = decodeOffer(request)
      log('the kernel offers %o', offer)
      this.#settings = settle(offer, { acls })
      this.#ready.resolve(this.#settings)
      return this.#settings
    } catch (error) {
      this.#ready.reject(error)
      throw error
    }
  }
}
