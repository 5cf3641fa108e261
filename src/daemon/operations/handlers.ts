/** The table of the control socket's methods. */

import { DfsError } from '../../errors.ts'
import { CONTROL_VERSION, type Params, type Results } from '../control-api.ts'
import type { Call, Handlers } from '../control-server.ts'
import type { Context } from './context.ts'
import { configGet, configSet, id } from './identity.ts'
import { later } from './later.ts'
import { mount, untilUnmounted } from './mount.ts'
import { umount } from './umount.ts'

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
    init: async (params) => (await later.init()).init(context, params),
    recover: async (params, call) => (await later.recover()).recover(context, params, call),
    id: () => id(context),
    configGet: (params) => configGet(context, params),
    configSet: (params) => configSet(context, params),
    mount: (params, call) => mount(context, params, call),
    untilUnmounted: (params, call) => untilUnmounted(context, params, call),
    umount: (params) => umount(context, params, () => life.stopsWhenLeft()),
    add: async (params, call) => (await later.add()).add(context, params, call),
    read: async (params, call) => (await later.read()).read(context, params, call),
    status: async (params, call) => (await later.status()).status(context, params, call),
    list: async (params, call) => (await later.list()).list(context, params, call),
    wait: async (params, call) => (await later.wait()).wait(context, params, call),
    evict: async (params, call) => (await later.evict()).evict(context, params, call),
    pin: async (params, call) => (await later.hydrate()).pin(context, params, call),
    unpin: async (params) => (await later.hydrate()).unpin(context, params),
    hydrate: async (params, call) => (await later.hydrate()).hydrate(context, params, call),
    verify: async (params, call) => (await later.verify()).verify(context, params, call),
    verifyPeers: async (params, call) => (await later.verifyPeers()).verifyPeers(context, params, call),
    gc: async (_, call) => (await later.gc()).gc(context, call),
    history: async (params) => (await later.history()).history(context, params),
    restore: async (params) => (await later.history()).restore(context, params),
    passphraseSet: async (params) => (await later.passphrase()).passphraseSet(context, params),
    passphraseChange: async (params) => (await later.passphrase()).passphraseChange(context, params),
    passphraseRemove: async (params) => (await later.passphrase()).passphraseRemove(context, params),
    recoveryShow: async (params) => (await later.recoveryKit()).recoveryShow(context, params),
    passphraseCheck: async (params) => (await later.passphrase()).passphraseCheck(context, params),
    inviteStart: async (params) => (await later.invite()).inviteStart(context, params),
    inviteWait: async (_, call) => (await later.invite()).inviteWait(context, call),
    inviteAnswer: async (params, call) => (await later.invite()).inviteAnswer(context, params, call),
    joinStart: async (params, call) => (await later.join()).joinStart(context, params, call),
    joinFinish: async (_, call) => (await later.join()).joinFinish(context, call),
    folders: async () => (await later.folders()).folders(context),
    foldersAdd: async (params) => (await later.folders()).foldersAdd(context, params),
    foldersLeave: async (params) => (await later.folders()).foldersLeave(context, params),
    foldersSet: async (params) => (await later.folders()).foldersSet(context, params),
    foldersMissing: async (params) => (await later.missingFiles()).foldersMissing(context, params),
    foldersConfirm: async (params) => (await later.missingFiles()).foldersConfirm(context, params),
    foldersRestore: async (params) => (await later.missingFiles()).foldersRestore(context, params),
    conflicts: async (params) => (await later.conflicts()).conflicts(context, params),
    conflictsKeep: async (params) => (await later.conflicts()).conflictsKeep(context, params),
    peers: async () => (await later.devices()).peers(context),
    devices: async () => (await later.devices()).devices(context),
    devicesRemove: async (params) => (await later.devices()).devicesRemove(context, params),
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
