/**
 * The portable driver: libfuse 2.9 through fuse-native. What it cannot do stands in
 * native-notes/0002-fuse-native-driver.md.
 *
 * Invariant: the main thread, which serves the mount, never waits for it.
 */
import { DfsError } from '../../errors.ts'
import { logger } from '../../log.ts'
import { ActiveMount } from '../active-mount.ts'
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

  const result = new ActiveMount({
    target,
    mountId: mountAt(target)?.id,
    ended: connection.ended.then(async () => {
      mounted.forget()
      await session.end()
    }),
    afterUnmount: () => connection.expectEnd(),
  })
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
