/** The table of the control socket's methods. */

import { DfsError } from '../../errors.ts'
import { CONTROL_VERSION, type Params, type Results } from '../control-api.ts'
import type { Call, Handlers } from '../control-server.ts'
import { add } from './add.ts'
import type { Context } from './context.ts'
import { devices, devicesRemove, peers } from './devices.ts'
import { gc } from './gc.ts'
import { history, restore } from './history.ts'
import { configGet, configSet, id } from './identity.ts'
import { init } from './init.ts'
import { inviteAnswer, inviteStart, inviteWait } from './invite.ts'
import { joinFinish, joinStart } from './join.ts'
import { mount, untilUnmounted } from './mount.ts'
import { read } from './read.ts'
import { recover } from './recover.ts'
import { status } from './status.ts'
import { umount } from './umount.ts'
import { verify } from './verify.ts'

/** What only the daemon's own life cycle knows. */
export interface LifeCycle {
  hello(): Results['hello']
  stop(): Results['stop']
  /** Whether the daemon ends as soon as its clients have left. */
  stopsWhenLeft(): boolean
}

export function handlersFor(context: Context, life: LifeCycle): Handlers {
  return {
    hello: (params) => {
      refuseOtherVersion(params)
      return life.hello()
    },
    stop: () => life.stop(),
    awaitEnd: (_, call) => awaitEnd(call),
    init: (params) => init(context, params),
    recover: (params) => recover(context, params),
    id: () => id(context),
    configGet: (params) => configGet(context, params),
    configSet: (params) => configSet(context, params),
    mount: (params, call) => mount(context, params, call),
    untilUnmounted: (params, call) => untilUnmounted(context, params, call),
    umount: (params) => umount(context, params, () => life.stopsWhenLeft()),
    add: (params, call) => add(context, params, call),
    read: (params, call) => read(context, params, call),
    status: (params, call) => status(context, params, call),
    verify: (params, call) => verify(context, params, call),
    gc: (_, call) => gc(context, call),
    history: (params) => history(context, params),
    restore: (params) => restore(context, params),
    inviteStart: (params) => inviteStart(context, params),
    inviteWait: (_, call) => inviteWait(context, call),
    inviteAnswer: (params) => inviteAnswer(context, params),
    joinStart: (params, call) => joinStart(context, params, call),
    joinFinish: (_, call) => joinFinish(context, call),
    peers: () => peers(context),
    devices: () => devices(context),
    devicesRemove: (params) => devicesRemove(context, params),
  }
}

function awaitEnd({ leave, signal }: Call): Promise<never> {
  leave()
  const { promise, reject } = Promise.withResolvers<never>()
  signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  return promise
}

function refuseOtherVersion({ version }: Params<'hello'>): void {
  if (version === CONTROL_VERSION) return
  throw new DfsError('unsupported', `the running daemon speaks version ${CONTROL_VERSION}, this command ${version}`, {
    op: 'control',
    mend: `unmount your folders and end process ${process.pid}, which an other version of dfs started`,
  })
}
