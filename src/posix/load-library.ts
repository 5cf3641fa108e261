/**
 * Shared libraries of others and the memory they own: for the fuse-native binding, which needs its libfuse loaded
 * before itself, and whose structures say more than its functions pass on.
 */
import koffi from 'koffi'

const libraries: unknown[] = []

/** Loads a shared library for the life of the process, with its symbols visible to libraries loaded later. */
export function loadLibraryGlobally(path: string): void {
  libraries.push(koffi.load(path, { global: true }))
}

/**
 * Native memory, seen through a DataView. The caller vouches that [address, address + bytes) is mapped, and
 * does not use the view after the owner freed it.
 */
export function viewMemory(address: bigint, bytes: number): DataView {
  return new DataView(koffi.view(address, bytes))
}

const lockMutex = koffi.load(null).func('int pthread_mutex_lock(void *mutex)')
const unlockMutex = koffi.load(null).func('int pthread_mutex_unlock(void *mutex)')

/** Runs `work`, which must be short and synchronous, while holding the pthread mutex at `address`. */
export function withNativeMutex<T>(address: bigint, work: () => T): T {
  lockMutex(address)
  try {
    return work()
  } finally {
    unlockMutex(address)
  }
}
