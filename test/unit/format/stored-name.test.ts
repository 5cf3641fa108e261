import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { kindOf } from '../../../src/errors.ts'
import {
  checkName,
  conflictName,
  mayBeStub,
  NAME_BYTES_MAX,
  STORED_BYTES_MAX,
  storedNameOfFile,
  storedNameOfOther,
  visibleNameOfOther,
  visibleNameOfStub,
} from '../../../src/format/stored-name.ts'

/** Byte strings made of what matters to the rules, and of any other byte. */
const name = fc
  .array(fc.constantFrom('.', 'f', '~', '.f', '.f~', 'a', ' ', '\xff', '\x80'), { minLength: 1, maxLength: 8 })
  .map((parts) => parts.join(''))

test('a file is the stub of its name, and back', () => {
  fc.assert(
    fc.property(name, (file) => {
      assert.equal(storedNameOfFile(file), `${file}.f`)
      assert.ok(mayBeStub(storedNameOfFile(file)))
      assert.equal(visibleNameOfStub(storedNameOfFile(file)), file)
    }),
  )
})

test('a directory keeps its name, with one more ~ if it looks like a stub, and back', () => {
  assert.equal(storedNameOfOther('src'), 'src')
  assert.equal(storedNameOfOther('src.f'), 'src.f~')
  assert.equal(storedNameOfOther('src.f~'), 'src.f~~')
  assert.equal(storedNameOfOther('.f'), '.f~')
  assert.equal(storedNameOfOther('notes~'), 'notes~')
  fc.assert(fc.property(name, (directory) => visibleNameOfOther(storedNameOfOther(directory)) === directory))
})

test('no directory is ever stored under a name that a stub has', () => {
  fc.assert(fc.property(name, (directory) => !mayBeStub(storedNameOfOther(directory))))
})

test('two directories never share a stored name', () => {
  fc.assert(fc.property(name, name, (a, b) => a === b || storedNameOfOther(a) !== storedNameOfOther(b)))
})

test('a directory made behind our back under the name of a stub shows under it', () => {
  assert.equal(visibleNameOfOther('src.f'), 'src.f')
})

test('.f alone is no stub: it stands for no name', () => {
  assert.equal(mayBeStub('.f'), false)
  assert.equal(mayBeStub('a.f'), true)
  assert.equal(mayBeStub('a.f~'), false)
})

test('refuses what is no name, and what does not fit the disk below', () => {
  for (const bad of ['', '.', '..', 'a/b', 'a\0b']) {
    assert.throws(
      () => checkName(bad, storedNameOfFile(bad)),
      (error) => kindOf(error) === 'invalid',
    )
  }
  const longest = 'x'.repeat(NAME_BYTES_MAX)
  checkName(longest, storedNameOfFile(longest))
  assert.throws(
    () => checkName(`${longest}x`, storedNameOfFile(`${longest}x`)),
    (error) => kindOf(error) === 'name-too-long',
  )
  const like = `${'x'.repeat(STORED_BYTES_MAX - 2)}.f`
  assert.throws(
    () => checkName(like, storedNameOfOther(like)),
    (error) => kindOf(error) === 'name-too-long',
  )
})

test('conflict copies keep the extension and differ from each other', () => {
  assert.equal(conflictName('report.txt', 1), 'report (conflict).txt')
  assert.equal(conflictName('report.txt', 2), 'report (conflict 2).txt')
  assert.equal(conflictName('.bashrc', 1), '.bashrc (conflict)')
  assert.equal(conflictName('Makefile', 3), 'Makefile (conflict 3)')
})
