/** What is in a directory, and what a path names: shapes of the control socket's `list`. */

export interface ListedEntry {
  /** As a mount shows it, exact (see `exactTextOf`); of a folder its path. */
  name: string
  /** `plain`: a regular file that is not taken in. */
  kind: 'folder' | 'directory' | 'file' | 'plain' | 'symlink' | 'other'
  /** In bytes; 0 for what is no file. */
  size: number
  /** In ms since 1970; 0 where it is not known. */
  mtimeMs: number
  /** Of a file: `local`, `replicated N/M`, `evicted`, `dirty`, `unreadable`. */
  state?: string
  /** Of a file: no block of it is evicted. */
  pinned?: boolean
  /** Of a folder that is mounted. */
  mountpoint?: string
  /** Why it cannot be read. */
  problem?: string
}

export interface ListResult {
  /** What the path names; undefined for the list of all folders. */
  self: ListedEntry | undefined
  /** How much of the file that the path names can be read without other devices. */
  localBytes?: number
  /** How many entries there are, of which `entries` are some. */
  total: number
  /** Directories first, then by name as people sort. */
  entries: ListedEntry[]
}
