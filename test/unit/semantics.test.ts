/** SEMANTICS.md promises nothing that no test holds. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import test from 'node:test'

const page = readFileSync(new URL('../../native-notes/SEMANTICS.md', import.meta.url), 'utf8')
const REFERENCE = /^ {2}`([\w/-]+\.test\.ts)` "(.+)"$/

/** Each bullet: what it says, and the tests that it names. */
const promises = page
  .split(/^(?=- |## )/m)
  .filter((part) => part.startsWith('- '))
  .map((part) => {
    const [first = '', ...lines] = part.trimEnd().split('\n')
    return {
      said: first.slice(2),
      lines,
      tests: lines.map((line) => REFERENCE.exec(line)).filter((match) => match !== null),
    }
  })

test('every sentence of SEMANTICS.md is held by a test', () => {
  assert.ok(promises.length > 30)
  for (const { said, lines, tests } of promises) {
    assert.ok(tests.length > 0 && tests.length === lines.length, said)
  }
  const sections = page.slice(page.indexOf('\n## ')).split('\n')
  assert.deepEqual(
    sections.filter((line) => !/^(|## .+|- .+\.| {2}`.+)$/.test(line)),
    [],
    'nothing stands between the sentences',
  )
})

test('the tests that SEMANTICS.md names are there', () => {
  const gone = promises.flatMap(({ tests }) =>
    tests.filter(([, file, title]) => !titlesOf(file!).has(title!)).map(([, file, title]) => `${file}: ${title}`),
  )
  assert.deepEqual(gone, [])
})

/** The titles of a file's tests, as they stand there. */
function titlesOf(file: string): ReadonlySet<string> {
  const source = new URL(`../${file}`, import.meta.url)
  if (!existsSync(source)) return new Set()
  const calls = readFileSync(source, 'utf8').matchAll(/\b(?:test|it|lasts)\(\s*(['`"])(.*?)\1,/g)
  return new Set([...calls].map(([, , title]) => title!))
}
