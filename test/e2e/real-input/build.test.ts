/** Builds work in the mount: make knows what is up to date, also after a remount, and npm installs. */
import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { program, skipUnless } from '../../support/requirements.ts'
import { target } from '../../support/systems/target.ts'
import { newPlace } from '../support/place.ts'
import { runOk } from '../support/process.ts'
import { PROJECT } from '../support/second-user.ts'

const MODULES = 20

test('a C project is built, run, rebuilt in part, and up to date after a remount', {
  skip: skipUnless(target.missing, program('gcc'), program('make')),
}, async (t) => {
  const place = newPlace(t)
  const system = await target.create(place)
  await system.mount()
  const project = join(system.root, 'project')
  writeProject(project)
  const make = () => runOk('make', ['-j2', '-C', project], { env: place.env })
  assert.equal(compiled(await make()), MODULES + 1)
  assert.equal(await runOk(join(project, 'program'), []), `${(MODULES * (MODULES - 1)) / 2}\n`)
  assert.equal(compiled(await make()), 0)
  writeFileSync(join(project, 'module-3.c'), 'int module_3(void) { return 1003; }\n')
  assert.equal(compiled(await make()), 1)

  await system.unmount()
  await system.mount()
  assert.equal(compiled(await make()), 0)
  assert.equal(await runOk(join(project, 'program'), []), `${(MODULES * (MODULES - 1)) / 2 + 1000}\n`)
  await system.unmount()
})

test('npm ci installs, and what it installed runs after a remount', {
  skip: skipUnless(target.missing, program('npm')),
}, async (t) => {
  const place = newPlace(t)
  const npm = (directory: string, ...args: string[]) =>
    runOk('npm', [...args, '--offline', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], {
      cwd: directory,
      env: place.env,
      deadlineMs: 120_000,
    })
  const packed = join(place.root, 'packed')
  mkdirSync(packed)
  const packages = ['commander', 'fast-check', 'pure-rand']
  for (const name of packages) await npm(packed, 'pack', join(PROJECT, 'node_modules', name))
  const dependencies = Object.fromEntries(
    packages.map((name) => [
      name,
      `file:${join(packed, readdirSync(packed).find((file) => file.startsWith(`${name}-`))!)}`,
    ]),
  )
  const system = await target.create(place)
  await system.mount()
  const project = join(system.root, 'project')
  mkdirSync(project)
  writeFileSync(join(project, 'package.json'), JSON.stringify({ name: 'project', version: '1.0.0', dependencies }))
  await npm(project, 'install', '--package-lock-only')
  await npm(project, 'ci')

  await system.unmount()
  await system.mount()
  await runOk(process.execPath, ['-e', "require('commander'); require('fast-check')"], { cwd: project })
  await npm(project, 'ls', '--all')
  await system.unmount()
})

function writeProject(project: string): void {
  const modules = Array.from({ length: MODULES }, (_, index) => index)
  const declarations = modules.map((index) => `int module_${index}(void);\n`).join('')
  const objects = modules.map((index) => `module-${index}.o`).join(' ')
  const files: Record<string, string> = {
    Makefile: `program: main.o ${objects}\n\tcc -o $@ $^\n%.o: %.c include/all.h\n\tcc -g -Iinclude -c -o $@ $<\n`,
    'include/all.h': declarations,
    'main.c': `#include <stdio.h>\n#include "all.h"\nint main(void) { printf("%d\\n", ${modules.map((i) => `module_${i}()`).join(' + ')}); }\n`,
  }
  for (const index of modules) files[`module-${index}.c`] = `int module_${index}(void) { return ${index}; }\n`
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(project, name)), { recursive: true })
    writeFileSync(join(project, name), text)
  }
  chmodSync(join(project, 'Makefile'), 0o444)
}

/** How many files the output of make says were compiled. */
function compiled(output: string): number {
  return output.split('\n').filter((line) => line.startsWith('cc -g')).length
}
