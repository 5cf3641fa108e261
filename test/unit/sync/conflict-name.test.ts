import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { NAME_BYTES_MAX } from '../../../src/format/stored-name.ts'
import { conflictName } from '../../../src/sync/conflict-name.ts'

const since = { dot: { writer: '0a'.repeat(16), counter: 1 }, timeMs: Date.UTC(2026, 10, 23, 23, 59), value: undefined }
const nameOf = (name: string, { device = 'laptop', attempt = 1, id = 'ab'.repeat(16) } = {}) =>
  conflictName({ id, name, since }, () => device, attempt)

describe('the name of what lost a conflict', () => {
  it('says whose it is and since when, before the extension', () => {
    assert.equal(nameOf('report.tar.gz'), 'report.tar (conflict laptop 2026-11-23).gz')
    assert.equal(nameOf('report'), 'report (conflict laptop 2026-11-23)')
    assert.equal(nameOf('.profile'), '.profile (conflict laptop 2026-11-23)')
    assert.equal(nameOf('a.txt', { attempt: 2 }), 'a (conflict laptop 2026-11-23 2).txt')
  })

  it('is a name, whatever the device is called', () => {
    assert.equal(nameOf('a', { device: 'x/y\0é' }), 'a (conflict x_y_\xc3\xa9 2026-11-23)')
  })

  it('fits a stub, and tells apart what had to be cut', () => {
    const long = `${'n'.repeat(240)}.${'e'.repeat(12)}`
    const [one, other] = [nameOf(long), nameOf(long, { id: 'cd'.repeat(16), device: 'd'.repeat(200) })]
    for (const name of [one, other]) assert(name.length <= NAME_BYTES_MAX && name.endsWith(`).${'e'.repeat(12)}`))
    assert(one.includes('~abababab (conflict') && other.includes('~cdcdcdcd (conflict'))
  })
})
