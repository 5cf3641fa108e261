/** What is told of the folders of one's own devices. */

export interface FolderInfo {
  id: string
  name: string
  /** Undefined if only others have it. */
  path?: string
  mounted: boolean
  /** Names of the owner's other devices that have it, too. */
  devices: readonly string[]
  /** So many objects are other here than is known of them. */
  waiting: number
  /** Nothing waits, and who is connected knows all that was done here. */
  settled: boolean
  /** All content is to be here. */
  eager?: boolean | undefined
  /** How far that is, while the folder is open. */
  fetching?: FetchingInfo | undefined
  /** Why it is not kept the same for now, with what to do about it. */
  problem?: string | undefined
}

export interface FetchingInfo {
  /** All content is here. */
  isComplete: boolean
  isFetching: boolean
  /** Fetched since the folder was opened, as sent. */
  fetchedBytes: number
  /** Files that nobody who is connected has. */
  unreachable: number
  /** The limit for content (`localQuotaBytes`), or the disk, has no room for more. */
  isFull: boolean
}

/** Files that are gone and that somebody has to say something about. */
export interface MissingFilesInfo {
  path: string
  files: number
  /** So many there were. */
  of: number
  /** Paths of some of them. */
  examples: string[]
}

export interface ConflictInfo {
  path: string
  /** The file beside it that has the name. */
  original: string
}
