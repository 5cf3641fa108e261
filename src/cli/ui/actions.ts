/** What can be done with files on the page, and how each is asked of the daemon. */
import { describeEvicted } from '../commands/evict.ts'
import { describeHydrated } from '../commands/hydrate.ts'
import { formatBytes, formatCount } from '../output.ts'
import type { Ask } from './ask.ts'
import type { Outcome, Work } from './jobs.ts'
import { timeText, versionMs } from './times.ts'

export interface Action {
  /** On the button. */
  readonly label: string
  /** What is said while it lasts; names follow. */
  readonly title: string
  /** The command that does the same, with what it does. */
  readonly about: string
  readonly work: (ask: Ask, paths: string[]) => Work
}

export const ACTIONS = {
  evict: {
    label: 'Free up space',
    title: 'Freeing the space of',
    about: 'dfs evict: drops what is safe on other devices from this one',
    work: (ask, paths) => async (options) => linesOf(describeEvicted(await ask('evict', { paths }, options))),
  },
  hydrate: {
    label: 'Bring here',
    title: 'Bringing here',
    about: 'dfs hydrate: fetches all of it from other devices',
    work: (ask, paths) => async (options) => linesOf(describeHydrated(await ask('hydrate', { paths }, options))),
  },
  pin: {
    label: 'Keep here',
    title: 'Keeping here',
    about: 'dfs pin: brings it here, and it stays, whatever is evicted',
    work: (ask, paths) => async (options) => linesOf(describeHydrated((await ask('pin', { paths }, options)).hydrated)),
  },
  unpin: {
    label: 'Let go',
    title: 'Letting go',
    about: 'dfs unpin: it may be evicted again',
    work: (ask, paths) => async (options) => {
      const { changed } = await ask('unpin', { paths }, options)
      return { said: `${formatCount(changed, 'file')} may be evicted again`, details: [] }
    },
  },
  wait: {
    label: 'Wait until safe',
    title: 'Waiting for',
    about: 'dfs wait: says when it is on as many other devices as are wanted',
    work: (ask, paths) => async (options) => {
      let [files, bytes] = [0, 0]
      for (const path of paths) {
        const done = await ask('wait', { path }, options)
        files += done.files
        bytes += done.bytes
      }
      return { said: `Safe: ${formatCount(files, 'file')}, ${formatBytes(bytes)}`, details: [] }
    },
  },
} as const satisfies Record<string, Action>

export type ActionName = keyof typeof ACTIONS

export function isAction(name: string | null): name is ActionName {
  return name !== null && Object.hasOwn(ACTIONS, name)
}

/** Brings a kept version back; not among the actions above, for it needs to know which. */
export function restoring(ask: Ask, path: string, at: string): Work {
  return async (options) => {
    const { time, size } = await ask('restore', { path, at }, options)
    return {
      said: `Restored as of ${timeText(versionMs(time), { toTheSecond: true })}, ${formatBytes(size)}`,
      details: [],
    }
  }
}

function linesOf(described: string): Outcome {
  const [said = '', ...details] = described.split('\n')
  return { said, details }
}
