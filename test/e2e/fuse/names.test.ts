import assert from 'node:assert/strict'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { assertContent, assertFails } from '../support/files.ts'
import { mountedSuite } from '../support/mounted-suite.ts'

mountedSuite('names', ({ lasts, test }) => {
  lasts('a Fortran source and its program live side by side', (directory) => {
    for (const name of ['prog.f', 'prog', 'prog.f.f', 'prog.f~'])
      fs.writeFileSync(join(directory, name), `this is ${name}`)
    return () => {
      assert.deepEqual(fs.readdirSync(directory).toSorted(), ['prog', 'prog.f', 'prog.f.f', 'prog.f~'])
      for (const name of fs.readdirSync(directory)) assertContent(join(directory, name), `this is ${name}`)
    }
  })

  lasts('directories are called like stubs, and like what such directories are stored as', (directory) => {
    for (const name of ['src.f', 'src.f~', 'src.f~~', 'src']) {
      fs.mkdirSync(join(directory, name))
      fs.writeFileSync(join(directory, name, 'inside.f'), `in ${name}`)
    }
    return () => {
      assert.deepEqual(fs.readdirSync(directory).toSorted(), ['src', 'src.f', 'src.f~', 'src.f~~'])
      for (const name of fs.readdirSync(directory)) assertContent(join(directory, name, 'inside.f'), `in ${name}`)
    }
  })

  test('a directory and a file cannot have one name, whatever both are stored as', (directory) => {
    fs.mkdirSync(join(directory, 'a.f'))
    assertFails('EISDIR', () => fs.writeFileSync(join(directory, 'a.f'), ''))
    fs.writeFileSync(join(directory, 'a'), 'beside the directory a.f')
    assertFails('EEXIST', () => fs.mkdirSync(join(directory, 'a')))
    assertContent(join(directory, 'a'), 'beside the directory a.f')
    assert(fs.statSync(join(directory, 'a.f')).isDirectory())
  })

  lasts('a file renamed to and from a stub-like name keeps its content', (directory) => {
    fs.writeFileSync(join(directory, 'a'), 'content')
    for (const [from, to] of ['a a.f', 'a.f b.f.f', 'b.f.f c.f~', 'c.f~ c'].map((pair) => pair.split(' ')))
      fs.renameSync(join(directory, from!), join(directory, to!))
    return () => {
      assert.deepEqual(fs.readdirSync(directory), ['c'])
      assertContent(join(directory, 'c'), 'content')
    }
  })

  const strange: [string, Buffer][] = [
    ['not UTF-8', Buffer.from([0xff, 0x80, 0x41])],
    ['with a newline, a quote and a backslash', Buffer.from('a\nb\'"\\')],
    ['that is a space', Buffer.from(' ')],
    ['composed and decomposed', Buffer.from('\u00e9 e\u0301')],
    ['of 253 bytes', Buffer.alloc(253, 'n')],
    ['that starts with a dot', Buffer.from('.hidden')],
    ['that is just the extension', Buffer.from('.f')],
    ['that looks like an option', Buffer.from('-rf')],
  ]
  for (const [what, name] of strange)
    lasts(`a name ${what} works for a file and for a directory`, (directory) => {
      const at = (parent: string) => Buffer.concat([Buffer.from(`${join(directory, parent)}/`), name])
      for (const parent of ['files', 'directories']) fs.mkdirSync(join(directory, parent))
      fs.writeFileSync(at('files'), 'content')
      fs.mkdirSync(at('directories'))
      return () => {
        for (const parent of ['files', 'directories'])
          assert(fs.readdirSync(join(directory, parent), 'buffer')[0]!.equals(name))
        assertContent(at('files'), 'content')
        assert(fs.statSync(at('directories')).isDirectory())
      }
    })

  test('a name too long says so', (directory) => {
    assertFails('ENAMETOOLONG', () => fs.writeFileSync(join(directory, 'n'.repeat(256)), ''))
    assertFails('ENAMETOOLONG', () => fs.mkdirSync(join(directory, 'n'.repeat(256))))
  })
})
