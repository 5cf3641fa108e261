/**
 * The portable driver: libfuse 2.9 through fuse-native. What it cannot do stands in
 * native-notes/0002-fuse-native-driver.md.
 *
 * Invariant: the main thread, which serves the mount, never waits for it.
 */
import { DfsError } from '../../errors.ts'
import { logger } from '../../log.ts'
import { mountEntries, unmount } from '../../posix/mount.ts'
import type { Driver, Mounted, MountOptions } from '../driver.ts'
import { answers, mountAt } from '../mountpoint.ts'
import { prepareTarget } from '../target.ts'
import { mountNatively, type NativeHandler, type NativeMount, type OperationName } from './binding.ts'
import { Callers } from './callers.ts'
import { Connection } from './connection.ts'
import { isFusermount3, withHelper } from './fusermount.ts'
import { buildHandlers } from './handlers.ts'
import { LibfuseInternals } from './libfuse-internals.ts'
import { mountOptions } from './mount-options.ts'
import { Session } from './session.ts'
import { markStderr } from './stderr-mark.ts'

const log = logger('fuse')

export const fuseNativeDriver: Driver = { name: 'fuse-native', mount }

async function mount(options: MountOptions): Promise<Mounted> {
  const target = await prepareTarget(options.target)
  const optionText = mountOptions(options)
  const helped = !options.asRoot && (await isFusermount3())
  let callers = new Callers(undefined)
  const session = new Session(options.filesystem, () => callers)
  const handlers = buildHandlers(session)
  const { connection, mounted } = Connection.openedBy(() => {
    const mountHere = () => mountOrFail(target, optionText, handlers)
    return helped ? withHelper(mountHere) : mountHere()
  })
  const internals = LibfuseInternals.open(mounted.fuseAddress)
  if (internals === undefined) log('libfuse is not the one expected: new files belong to the daemon')
  callers = new Callers(internals)

  const result = new NativeMounted(target, mountAt(target)?.id, connection, mounted, session)
  try {
    await answers(target)
  } catch (error) {
    await result.unmount({ lazy: true })
    throw error
  }
  result.watch(options.onGone)
  return result
}

function mountOrFail(
  target: string,
  options: string,
  handlers: ReadonlyMap<OperationName, NativeHandler>,
): NativeMount {
  const saidSince = markStderr()
  try {
    return mountNatively(target, options, handlers)
  } catch (cause) {
    if (cause instanceof DfsError) throw cause
    // The last of several attempts.
    const said = saidSince().split('\n').at(-1)
    throw new DfsError('not-permitted', `the mount was refused${said ? `: ${said}` : ''}`, {
      op: 'mount',
      subject: target,
      mend: 'see "dfs doctor" for what may be missing',
      cause,
    })
  }
}

class NativeMounted implements Mounted {
  readonly #target: string
  readonly #mountId: number | undefined
  readonly #connection: Connection
  readonly #ended: Promise<void>
  #unmounting = false

  constructor(
    target: string,
    mountId: number | undefined,
    connection: Connection,
    native: NativeMount,
    session: Session,
  ) {
    this.#target = target
    this.#mountId = mountId
    this.#connection = connection
    this.#ended = connection.ended.then(async () => {
      native.forget()
      await session.end()
    })
  }

  /** Reports an end that nobody here asked for. */
  watch(onGone: (why: string) => void): void {
    const report = (): void => {
      if (!this.#unmounting) onGone(`${this.#target} was unmounted by somebody else`)
    }
    this.#ended.then(report, report)
  }

  async unmount({ lazy }: { lazy: boolean }): Promise<void> {
    const mount = mountAt(this.#target)
    // A lazy unmount before this one leaves what was below, or nothing.
    const hidden = mountEntries().some(({ id }) => id === this.#mountId) && mount?.id !== this.#mountId
    if (hidden) {
      throw new DfsError('busy', 'something else is mounted over it', { op: 'umount', subject: this.#target })
    }
    this.#unmounting = true
    try {
      if (mount?.id === this.#mountId) await unmount(this.#target, { lazy })
    } catch (error) {
      this.#unmounting = false
      throw error
    }
    this.#connection.expectEnd()
    await this.#ended
  }
}
