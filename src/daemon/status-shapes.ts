/** What is told of folders, files, other devices and the network: shapes of the control socket. */

export interface NetworkStatus {
  id: string
  kind: 'private' | 'public'
  /** Devices, this one among them. */
  members: number
  /** This device was removed from the network. */
  removed: boolean
  /** Another device of the same owner has a newer personal key, which this one has not got yet. */
  behind: boolean
  running: boolean
  port: number | undefined
  addresses: string[]
  /** Connections with other devices. */
  connected: number
}

export interface PeerStatus {
  device: string
  name: string | undefined
  address: string
  direction: 'inbound' | 'outbound'
  connectedSinceMs: number
}

export interface DeviceInfo {
  device: string
  name: string
  owner: string
  ownerName: string | undefined
  /** Of the same owner as this device. */
  own: boolean
  /** This device. */
  self: boolean
  connected: boolean
}

/** Where the content of some files is. */
export interface ContentStates {
  files: number
  /** Sum of the files' lengths. */
  bytes: number
  /** How much of that can be read without other devices. */
  localBytes: number
  /** `local`, `replicated N/M`, `evicted`, `dirty` or `unreadable`. */
  states: { state: string; files: number; bytes: number }[]
  /** Files that fewer other devices have than are wanted. */
  unsafeFiles: number
  unsafeBytes: number
  /** Files that are not adopted: on no other device. */
  plainFiles: number
  /** The first stubs that cannot be read. */
  unreadable: { path: string; why: string }[]
}

export interface EvictResult {
  /** Files of which nothing is here any more but what stubs and manifests say. */
  files: number
  blocks: number
  bytes: number
  /** Files of which something stays, by why; `too-few-holders`: it is not safe elsewhere. */
  kept: { why: string; files: number }[]
}

export interface HydrateResult {
  files: number
  /** Fetched from other devices, as sent. */
  bytes: number
  failed: { path: string; why: string }[]
}

export interface ReplicationStatus {
  /** On how many other devices everything is to be. */
  replicas: number
  /** Whether all that is in stubs is there. */
  isDone: boolean
  bytesPerSecond: number
  /** Until the rest is there, at this rate; undefined if nothing moves, or nothing is left. */
  secondsLeft: number | undefined
  /** What keeps it from going on. */
  problems: string[]
  /** How much is kept here for other devices, and at most. */
  lentBytes: number
  offerBytes: number
}

export interface FolderStatus {
  id: string
  folder: string
  mountpoint: string | undefined
  driver: string | undefined
  /** What keeps the folder from being read, if something does; the numbers are zero then. */
  problem: string | undefined
  /** Why it is not kept the same as on other devices for now. */
  syncProblem: string | undefined
  files: number
  /** Sum of the files' lengths. */
  logicalBytes: number
  /** What the folder's files take, before equal blocks are counted once. */
  storedBytes: number
  /** Length of the journal that no checkpoint has brought into stubs yet. */
  journalBytes: number
  /** Undefined where the folder cannot be read. */
  content: ContentStates | undefined
}

export interface StatusResult {
  home: string
  pid: number
  folders: FolderStatus[]
  store: { blocks: number; bytes: number; diskFreeBytes: number }
  network: NetworkStatus
  replication: ReplicationStatus
  /** Of one file, when PATH names one. */
  file?: { path: string; size: number; state: string }
  /** Of what is at and below PATH, when it names something inside a folder. */
  below?: { path: string; content: ContentStates }
}
