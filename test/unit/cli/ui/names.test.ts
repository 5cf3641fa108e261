import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { exactTextOf } from '../../../../src/bytes/byte-string.ts'
import { addressOf, decodeName, encodeName, pathOfAddress, shownName } from '../../../../src/cli/ui/names.ts'

const names = fc
  .uint8Array({ minLength: 1, maxLength: 30 })
  .map((bytes) => exactTextOf(Buffer.from(bytes).toString('latin1').replaceAll(/[\0/]/g, 'x')))

test('a name is shown on one line, and hides nothing', () => {
  assert.equal(shownName('plain näme 日本 😀.txt'), 'plain näme 日本 😀.txt')
  assert.equal(shownName('two\nlines\tand \x1b[31m'), 'two\\nlines\\tand \\x1b[31m')
  assert.equal(shownName(exactTextOf('latin1 \xe9')), 'latin1 \\xe9')
  // gpj.exe that shows as exe.jpg
  assert.equal(shownName('\u202egpj.exe'), '\\u202egpj.exe')
  assert.equal(shownName('a\u200bb\u2028c'), 'a\\u200bb\\u2028c')
})

test('any name stands in an address, and comes back', () => {
  assert.equal(addressOf('/home/me/a b%?#&"<é'), '/files/home/me/a%20b%25%3F%23%26%22%3C%C3%A9')
  fc.assert(
    fc.property(fc.array(names, { minLength: 1, maxLength: 4 }), (parts) => {
      const path = `/${parts.map((part) => (part === '.' || part === '..' ? 'x' : part)).join('/')}`
      assert.match(addressOf(path), /^\/files\/[A-Za-z0-9._~/%-]+$/)
      assert.equal(pathOfAddress(addressOf(path)), path)
      assert.equal(decodeName(encodeName(path)), path)
    }),
  )
})

test('what is no path is none', () => {
  for (const address of [
    '/',
    '/files',
    '/files/',
    '/files/a/../b',
    '/files/a//b',
    '/files/./a',
    '/files/%2e%2e/a',
    '/files/%00',
    '/files/%',
    '/files/%4',
    '/files/\u00e9',
    '/filesa',
  ]) {
    assert.equal(pathOfAddress(address), undefined, address)
  }
})
