/**
 * The seam between the file system and the kernel: what a FUSE driver does for the daemon.
 * Two stand behind it: fuse-native (libfuse 2.9) and the kernel protocol.
 */
import type { FilesystemOperations } from '../vfs/operations.ts'

export interface MountOptions {
  readonly filesystem: FilesystemOperations
  /** Absolute path of an existing directory; it may be the folder itself, and need not be empty. */
  readonly target: string
  /** What is mounted can be reached past the mount too, so that it may change at any moment. */
  readonly openBelow?: boolean
  /** Mount for all users of the machine, which only root may ask for. */
  readonly asRoot: boolean
  /** What `mount` and `df` show as the source. */
  readonly fsname: string
  /** Called once if the mount ends without `unmount`: unmounted by somebody else, or its connection was aborted. */
  readonly onGone: (why: string) => void
}

export interface Mounted {
  /**
   * Takes the mount away and resolves when the last request was answered and every handle released.
   * Fails with `busy` while programs use it; with `lazy` it leaves the tree at once, and the promise resolves
   * when the last of them is done.
   */
  unmount(options: { lazy: boolean }): Promise<void>
}

export interface Driver {
  readonly name: string
  /**
   * Resolves once the mount answers. A mount at the target whose daemon died is taken away first.
   * Fails with `not-found`, `not-a-directory`, `busy` (a living mount of dfs is there), `not-permitted`, `unsupported`, `timeout`.
   */
  mount(options: MountOptions): Promise<Mounted>
}
