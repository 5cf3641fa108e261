/**
 * One contract for whatever shows a directory of files: dfs, the file systems it is compared with, and the bare
 * disk. Tests and the bench know nothing else of them. What a system leaves behind goes with its place.
 */
import type { Place } from '../../e2e/support/place.ts'

export interface System {
  readonly name: string
  /** Where its files are seen while it is mounted. */
  readonly root: string
  /** What is left on disk while it is not mounted: what a thief of the machine would have. */
  readonly kept: readonly string[]
  /** Resolves when `root` shows the files. */
  mount(): Promise<void>
  /** Stores everything and takes the mount away. */
  unmount(): Promise<void>
  /**
   * SIGKILL to whatever serves the mount, and takes the dead mount away. Nothing is stored that was not. Who works in it is
   * to be ended in between, by `endWork`: it would go on in the directory below.
   */
  kill(endWork?: () => Promise<void>): Promise<void>
}

export interface SystemKind {
  readonly name: string
  /** Why it cannot run here, or false. */
  missing(): string | false
  /** Makes a new, empty one that keeps everything in `place`. Not mounted yet. */
  create(place: Place): Promise<System>
}
