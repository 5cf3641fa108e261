import assert from 'node:assert/strict'
import test from 'node:test'
import { EXIT_CODES, EXIT_MEANINGS } from '../../../src/cli/exit-codes.ts'

test('every exit code has a meaning, and every meaning a code', () => {
  const codes = [...new Set(Object.values(EXIT_CODES))].sort((a, b) => a - b)
  assert.deepEqual(codes, Object.keys(EXIT_MEANINGS).map(Number))
})

test('only success is 0, and no code is one that a shell gives, but for SIGINT and SIGPIPE', () => {
  const { done, ...others } = EXIT_CODES
  assert.equal(done, 0)
  for (const code of Object.values(others)) {
    assert.ok((code > 0 && code < 126) || code === 130 || code === 141, String(code))
  }
})
