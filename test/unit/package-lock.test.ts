/** What package-lock.json pins; npm leaves entries out where it cannot see a package for another kind of machine. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import test from 'node:test'

interface Package {
  readonly version?: string
  readonly dependencies?: Record<string, string>
  readonly optionalDependencies?: Record<string, string>
}

const PROJECT = path.resolve(import.meta.dirname, '..', '..')
const packages: Record<string, Package> = JSON.parse(
  readFileSync(path.join(PROJECT, 'package-lock.json'), 'utf8'),
).packages

test('package-lock.json has each package that another needs, for every kind of machine, or "npm ci" refuses', () => {
  const missing = Object.entries(packages).flatMap(([at, { dependencies, optionalDependencies }]) =>
    Object.keys({ ...dependencies, ...optionalDependencies })
      .filter((name) => foundFrom(at, name)?.version === undefined)
      .map((name) => `${name}, which ${at || 'dfs'} needs`),
  )
  assert.deepEqual(missing, [])
})

/** The package that a package installed at `at` gets under a name: the nearest on the way up, as Node looks for it. */
function foundFrom(at: string, name: string): Package | undefined {
  const found = packages[path.posix.join(at, 'node_modules', name)]
  if (found !== undefined || at === '') return found
  return foundFrom(at.slice(0, Math.max(0, at.lastIndexOf('/node_modules/'))), name)
}
