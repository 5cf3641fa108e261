/**
 * The door of the daemon: the methods of the control socket with the shapes of their parameters and results.
 * The only file of this room that the CLI imports.
 *
 * On the wire (framing in `control-wire.ts`) a request is `{ id, method, params }`; its answers are any number of
 * `{ id, progress }` and raw frames, then one of `{ id, result }` and `{ id, error }`. A connection works on one
 * request at a time, in order; hanging up aborts it. Paths are absolute texts, exact as `exactTextOf` makes them.
 */
import type { Progress } from '../dfs.ts'
import type { ErrorKind } from '../errors.ts'
import type { AuditedHolder, VerifyResult } from './check-shapes.ts'
import type { ConflictInfo, FolderInfo, MissingFilesInfo } from './folder-shapes.ts'
import type { ListResult } from './listing-shapes.ts'
import type {
  DeviceInfo,
  EvictResult,
  HydrateResult,
  NetworkStatus,
  PeerStatus,
  StatusResult,
} from './status-shapes.ts'

export { type DaemonAddress, hasPassphrase, isHome, readAddress } from './address.ts'
export type { AuditedHolder, Check, DamagedBlock, VerifyResult } from './check-shapes.ts'
export { encodeJsonFrame, FrameParser } from './control-wire.ts'
export type { ConflictInfo, FolderInfo, MissingFilesInfo } from './folder-shapes.ts'
export type { ListedEntry, ListResult } from './listing-shapes.ts'
export type {
  ContentStates,
  DeviceInfo,
  EvictResult,
  FolderStatus,
  HydrateResult,
  NetworkStatus,
  PeerStatus,
  ReplicationStatus,
  StatusResult,
} from './status-shapes.ts'

/** Rises with every change of methods or shapes; a client and a daemon of different versions refuse each other. */
export const CONTROL_VERSION = 6

/** What to run, with the same Node, for a daemon process: arguments `HOME [--service] [--ready-fd N] [--passphrase-fd N]`. */
export const DAEMON_ENTRY: URL = programBeside('main')

/**
 * Options of Node for it. A walk over many files makes many short-lived objects; with V8's usual room for those (16 MiB a
 * space and more) a third of the memory is what they leave behind.
 */
export const DAEMON_NODE_OPTIONS: readonly string[] = ['--max-semi-space-size=4', '--heap-growing-percent=50']

/** What to run for `doctor`: argument `HOME`; prints `Check[]` as JSON. It is no method, for it is there when no daemon can start. */
export const DOCTOR_ENTRY: URL = programBeside('doctor-main')

/** What to run to take off a mount whose daemon does not answer: argument `MOUNTPOINT`; prints `{ error?: WireError }`. */
export const FORCE_UMOUNT_ENTRY: URL = programBeside('force-umount-main')

function programBeside(name: string): URL {
  return new URL(`./${name}${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url)
}

/**
 * The parameters of each method; a `?` may be absent, a `flag` is false when absent. A `passphrase` of what makes a home is
 * what its keys are to be under; one of a home that is there counts for nothing.
 */
export const METHODS = {
  hello: { version: 'number' },
  stop: {},
  /** Never answered with a result: the connection counts as gone, and ends with the daemon. */
  awaitEnd: {},
  init: { name: 'text?', public: 'flag', passphrase: 'text?' },
  recover: { kit: 'text', name: 'text?', via: 'text?', to: 'text?', passphrase: 'text?' },
  passphraseSet: { passphrase: 'text' },
  passphraseChange: { present: 'text', passphrase: 'text' },
  passphraseRemove: { present: 'text' },
  /** The recovery kit again. `passphrase`: what the keys are under, if they are. */
  recoveryShow: { passphrase: 'text?' },
  /** Whether it is the one. */
  passphraseCheck: { present: 'text' },
  id: {},
  configGet: { key: 'text?' },
  configSet: { key: 'text', value: 'text' },
  mount: {
    folder: 'text',
    mountpoint: 'text?',
    driver: 'text?',
    adopt: 'flag',
    offline: 'flag',
    new: 'flag',
    replace: 'flag',
    passphrase: 'text?',
  },
  untilUnmounted: { folder: 'text' },
  umount: { folder: 'text', lazy: 'flag' },
  add: { paths: 'texts', keep: 'flag' },
  read: { path: 'text' },
  status: { path: 'text?' },
  /** So many entries of a directory, from that one on; without a path the folders. */
  list: { path: 'text?', offset: 'number?', limit: 'number?' },
  /** Resolves once every file at and below the path is on so many other devices (default: as the setting says). */
  wait: { path: 'text', replicas: 'number?', timeoutSeconds: 'number?' },
  evict: { paths: 'texts' },
  pin: { paths: 'texts' },
  unpin: { paths: 'texts' },
  hydrate: { paths: 'texts' },
  verify: { path: 'text?', repair: 'flag' },
  /** Has other devices prove that they keep what they promised: all of it, or what is of files at and below the path. */
  verifyPeers: { path: 'text?' },
  gc: {},
  history: { path: 'text' },
  restore: { path: 'text', at: 'text?' },
  inviteStart: { member: 'flag' },
  inviteWait: {},
  inviteAnswer: { accept: 'flag' },
  joinStart: { ticket: 'text', name: 'text?', passphrase: 'text?' },
  joinFinish: {},
  peers: {},
  folders: {},
  foldersAdd: { name: 'text', path: 'text' },
  foldersLeave: { path: 'text' },
  foldersSet: { path: 'text', eager: 'flag' },
  foldersMissing: { path: 'text' },
  foldersConfirm: { path: 'text' },
  foldersRestore: { path: 'text' },
  /** Without a path those of all folders that are open. */
  conflicts: { path: 'text?' },
  conflictsKeep: { path: 'text' },
  devices: {},
  devicesRemove: { id: 'text' },
} as const satisfies Record<string, Record<string, keyof FieldTypes>>

interface FieldTypes {
  text: string
  number: number
  texts: string[]
  'text?': string | undefined
  'number?': number | undefined
  flag: boolean | undefined
}

export type Method = keyof typeof METHODS

type Shape<M extends Method> = (typeof METHODS)[M]
type Optional = 'text?' | 'number?' | 'flag'
type RequiredFields<S> = { [K in keyof S as S[K] extends Optional ? never : K]: FieldTypes[S[K] & keyof FieldTypes] }
type OptionalFields<S> = { [K in keyof S as S[K] extends Optional ? K : never]?: FieldTypes[S[K] & keyof FieldTypes] }

export type Params<M extends Method> = RequiredFields<Shape<M>> & OptionalFields<Shape<M>>

export interface Results {
  hello: { pid: number; home: string; initialised: boolean }
  stop: Record<string, never>
  awaitEnd: never
  init: HomeResult
  recover: HomeResult & {
    /** If the kit or the caller named a device: how many devices the network has, as far as is known now. */
    members?: number
    /** Why that device could not be reached. */
    notReached?: string
    /** If heads were asked for: what was found of them. */
    found?: RecoveryResult
  }
  passphraseSet: Record<string, never>
  passphraseChange: Record<string, never>
  passphraseRemove: Record<string, never>
  recoveryShow: { kit: string }
  passphraseCheck: Record<string, never>
  id: { device: string; name: string; owner: string; home: string }
  configGet: { settings: Setting[] }
  configSet: { setting: Setting; restartNeeded: boolean }
  mount: MountResult
  untilUnmounted: { reason: string }
  /** `stillUsed`: by programs, after a lazy unmount. `stopping`: the daemon ends now. */
  umount: {
    folder: string
    mountpoint: string
    stillUsed: boolean
    stopping: boolean
    /** What is on fewer other devices than it is to be; absent where that is not known, or nothing is. */
    unsafe?: { files: number; bytes: number }
    /** Devices that are connected and do not have all that was done here; absent if there is none. */
    untold?: readonly string[]
  }
  add: AddResult
  /** Sent after the content, which travels in raw frames. */
  read: { name: string; size: number; mode: number; mtimeMs: number }
  status: StatusResult
  list: ListResult
  wait: { files: number; bytes: number; replicas: number; plainFiles: number }
  evict: EvictResult
  /** `changed`: files that were not pinned before (or were, for `unpin`). */
  pin: { files: number; changed: number; hydrated: HydrateResult }
  unpin: { files: number; changed: number }
  hydrate: HydrateResult
  verify: VerifyResult
  verifyPeers: { holders: AuditedHolder[] }
  /** `versions`: of files, that went because they were old. */
  gc: { blocks: number; bytes: number; keptByGrace: number; versions: number }
  history: { path: string; versions: Version[] }
  restore: { path: string; time: string; size: number }
  inviteStart: { ticket: string; seconds: number; device: string }
  /** The device that came with the ticket; the code is the same there. */
  inviteWait: { device: string; name: string; code: string }
  inviteAnswer: { device: string; name: string; accepted: boolean }
  joinStart: { code: string; inviter: string }
  joinFinish: HomeResult & { members: number }
  peers: { network: NetworkStatus; peers: PeerStatus[] }
  folders: { folders: FolderInfo[] }
  foldersAdd: { id: string; name: string; path: string }
  foldersLeave: { path: string }
  foldersSet: { path: string; eager: boolean }
  foldersMissing: MissingFilesInfo
  /** So many files are gone for good now, apart from their versions. */
  foldersConfirm: { path: string; files: number }
  /** `waiting`: so many objects could not be brought back yet. */
  foldersRestore: { path: string; files: number; waiting: number }
  conflicts: { conflicts: ConflictInfo[] }
  /** `path`: of the file as it is called now. */
  conflictsKeep: { path: string; removed: number }
  devices: { network: NetworkStatus; devices: DeviceInfo[] }
  devicesRemove: {
    removed: { device: string; name: string }[]
    epoch: number
    /** Only when one's own device was removed: the kit of the new epoch. */
    kit?: string
  }
}

export interface HomeResult {
  home: string
  device: string
  owner: string
  /** False if the home was there already, and nothing was changed. */
  created: boolean
  /** The recovery kit, only when a new personal key was made just now. */
  kit?: string
}

export interface RecoveryResult {
  /** Members that said what they have. */
  members: number
  /** Devices of this owner of which a head was found. */
  devices: { device: string; name: string /** By its clock, in ms since 1970. */; madeAtMs: number }[]
  folders: RecoveredFolder[]
}

export interface RecoveredFolder {
  name: string
  /** Where it is; undefined if it is nowhere. */
  folder?: string
  /** Files, directories and the like; undefined if the folder was there already. */
  objects?: number
  /** Files that had not been added, and others that heads do not carry, when the heads were made: they are not back. */
  plainFiles: number
  leftOut: number
  /** Why it could not be brought back. */
  problem?: string
}

export interface Setting {
  key: string
  value: string | number
  fallback: string | number
  about: string
}

export interface MountResult {
  id: string
  folder: string
  mountpoint: string
  driver: string
  /** True if it was mounted just so already, and nothing was done. */
  already: boolean
  /** The folder was not there, and was made: by the first mount alone. */
  isNew: boolean
  /** It was made the folder that these own devices have, too: its name there, and theirs. */
  joined?: { name: string; devices: readonly string[] } | undefined
  adopted?: AddResult
  /** As in `HomeResult`: this mount made the home. */
  kit?: string
}

export interface AddResult {
  files: number
  bytes: number
  skipped: { path: string; why: string }[]
}

export interface Version {
  /** ISO 8601, UTC; names the version in `restore`. */
  time: string
  size: number
}

/** An error as it crosses the wire. */
export interface WireError {
  kind: ErrorKind
  message: string
  op?: string
  subject?: string
  mend?: string
}

export interface Request {
  id: number
  method: string
  params: unknown
}

export type Answer =
  | { id: number; progress: Progress }
  | { id: number; result: unknown }
  | { id: number; error: WireError }

/** What the daemon process writes to its readiness descriptor, one line of JSON. */
export type Readiness = { ready: true } | { error: WireError }
