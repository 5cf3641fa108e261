/**
 * A suite of tests on one mount. Each test has a directory of its own in it. What must last is checked twice: at once,
 * and after everything was unmounted and mounted again, when all tests have run.
 *
 * Tests may use synchronous calls on the mount: the system's watchdog ends a hanging one.
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { Scope } from '../../support/scope.ts'
import type { System } from '../../support/systems/system.ts'
import { target } from '../../support/systems/target.ts'
import { newPlace, type Place } from './place.ts'

export type Check = () => void | Promise<void>

export interface MountedSuite {
  /** A behaviour that is over when its test is. */
  test(title: string, work: (directory: string) => void | Promise<void>, options?: TestOptions): void
  /** A behaviour whose outcome lasts: `work` gives what to check, now and after a remount. */
  lasts(title: string, work: (directory: string) => Check | Promise<Check>, options?: TestOptions): void
  /** Only within a test. */
  readonly system: System
  readonly place: Place
}

export interface TestOptions {
  skip?: string | false
}

/** On the target system, unless it is not `only`: dfs, for what only dfs has. */
export function mountedSuite(title: string, define: (suite: MountedSuite) => void, only?: 'dfs'): void {
  const elsewhere = only !== undefined && only !== target.name && `only of ${only}`
  describe(title, { skip: target.missing() || elsewhere }, () => {
    const scope = new Scope()
    const checks: { title: string; check: Check }[] = []
    let mounted: { system: System; place: Place } | undefined
    let directories = 0
    const newDirectory = () => {
      const directory = join(mounted!.system.root, `test-${directories++}`)
      mkdirSync(directory)
      return directory
    }
    before(async () => {
      const place = newPlace(scope.context)
      const system = await target.create(place)
      await system.mount()
      mounted = { system, place }
    })
    after(() => scope[Symbol.asyncDispose]())

    define({
      test: (title, work, options = {}) => void it(title, options, async () => work(newDirectory())),
      lasts(title, work, options = {}) {
        it(title, options, async () => {
          const check = await work(newDirectory())
          await check()
          checks.push({ title, check })
        })
      },
      get system() {
        return mounted!.system
      },
      get place() {
        return mounted!.place
      },
    })

    it('all that lasts is the same after a remount', async (t) => {
      await mounted!.system.unmount()
      await mounted!.system.mount()
      for (const { title, check } of checks) await t.test(title, check)
      await mounted!.system.unmount()
    })
  })
}
