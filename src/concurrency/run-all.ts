/**
 * Runs steps that may each finish at once or later. Resolves, or returns at once where all do, when every one has; fails
 * with the first failure, but only once none is at work any more: what they write to is then nobody's but the caller's.
 * No step is begun after one that failed at once.
 */
export function runAll<T>(items: Iterable<T>, step: (item: T) => void | Promise<void>): void | Promise<void> {
  const working: Promise<void>[] = []
  for (const item of items) {
    try {
      const done = step(item)
      if (done !== undefined) working.push(done)
    } catch (error) {
      if (working.length === 0) throw error
      working.push(Promise.reject(error))
      break
    }
  }
  if (working.length > 0) return allDone(working)
}

async function allDone(working: readonly Promise<void>[]): Promise<void> {
  const failed = (await Promise.allSettled(working)).find(({ status }) => status === 'rejected')
  if (failed !== undefined) throw (failed as PromiseRejectedResult).reason
}
