/**
 * The signal by which the kernel wakes loops that sleep: SIGIO, shared by all mounts of the process.
 *
 * Nothing waits in a thread: a thread of libuv's pool that slept in `poll` for each mount would leave none for disk
 * syncs, and `process.exit` would wait for it.
 */

/** A timer that never fires keeps the process alive while somebody listens: signals alone do not. */
const FOREVER_MS = 2 ** 31 - 1

const listeners = new Set<() => void>()
let alive: NodeJS.Timeout | undefined

function ring(): void {
  for (const listener of [...listeners]) listener()
}

/** Calls `listener` at every signal, until the function this returns is called. */
export function listen(listener: () => void): () => void {
  if (listeners.size === 0) {
    process.on('SIGIO', ring)
    alive = setInterval(() => {}, FOREVER_MS)
  }
  listeners.add(listener)
  return () => {
    if (!listeners.delete(listener) || listeners.size > 0) return
    process.off('SIGIO', ring)
    clearInterval(alive)
  }
}
