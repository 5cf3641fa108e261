/** Programs in C that torture a directory: compiled where there is a compiler, run beside each other. */
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { DRIVER, type Place } from '../../e2e/support/place.ts'
import { runOk } from '../../e2e/support/process.ts'
import { program, type Requirement } from '../../support/requirements.ts'

const SOURCES = fileURLToPath(new URL('../programs/', import.meta.url))

export const compiler = program('cc')

/** The programs make calls that libfuse 2.9 has no words for. */
export const kernelDriver: Requirement = () => DRIVER === 'fuse-native' && 'fuse-native cannot do it'

/** Compiles `programs/NAME.c` into the place; the path of the program. */
export async function compile(place: Place, name: string): Promise<string> {
  const path = join(place.root, name)
  await runOk('cc', ['-O2', '-Wall', '-Wextra', '-Werror', '-o', path, join(SOURCES, `${name}.c`)])
  return path
}
