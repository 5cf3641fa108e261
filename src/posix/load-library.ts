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

/** A number in native memory. Its type is one of C's. */
export type NativeNumber = 'int32' | 'uint32' | 'uint64' | 'double'

/**
 * Reads a number at a native address; a uint64 beyond 2^53 comes out as a bigint.
 * The caller vouches that the memory is mapped, here and below.
 */
export function peek(address: bigint, type: NativeNumber): number | bigint {
  return koffi.decode[type](address)
}

export function poke(address: bigint, type: NativeNumber, value: number): void {
  koffi.encode(address, type, value)
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
