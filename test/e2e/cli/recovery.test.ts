import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import test from 'node:test'
import { newPlace } from '../support/place.ts'
import { atTerminal, terminalMissing } from '../support/terminal.ts'

test('recovery show gives the kit that init showed, but not to what is no terminal', async (t) => {
  const place = newPlace(t)
  assert.equal((await place.dfs(['recovery', 'show', '--yes'])).code, 3, 'there is no home')
  const { kit } = JSON.parse(await place.dfsOk(['init', '--json']))
  const { code, stdout, stderr } = await place.dfs(['recovery', 'show'])
  assert.deepEqual([code, stdout], [12, ''])
  assert.match(stderr, /^dfs: [^\n]*--yes\n$/)
  assert.equal(await place.dfsOk(['recovery', 'show', '--yes']), `${kit}\n`)
  assert.deepEqual(JSON.parse(await place.dfsOk(['recovery', 'show', '--yes', '--json'])), { kit })
})

test('what recovery show gives makes another home of the same owner', async (t) => {
  const [first, second, fresh] = [newPlace(t), newPlace(t), newPlace(t)]
  const { owner } = JSON.parse(await first.dfsOk(['init', '--json']))
  const kit = await first.dfsOk(['recovery', 'show', '--yes'])
  await second.dfsOk(['recover', '-'], { input: kit })
  assert.equal(await second.dfsOk(['recovery', 'show', '--yes']), kit)
  assert.equal(JSON.parse(await fresh.dfsOk(['recover', '--json', '-'], { input: kit })).owner, owner)
})

test('recovery show asks for the passphrase, though the daemon runs', { skip: terminalMissing() }, async (t) => {
  const place = newPlace(t)
  const file = path.join(place.root, 'passphrase')
  writeFileSync(file, 'hush\n')
  await place.dfsOk(['init', '--passphrase-file', file])
  assert.equal((await place.dfs(['recovery', 'show', '--yes'])).code, 12)
  const kit = await place.dfsOk(['recovery', 'show', '--yes', '--passphrase-file', file])
  writeFileSync(file, 'wrong\n')
  const refused = await place.dfs(['recovery', 'show', '--yes', '--passphrase-file', file])
  assert.deepEqual([refused.code, refused.stdout], [9, ''])

  const { code, seen } = await atTerminal(
    t,
    place,
    ['recovery', 'show'],
    [
      ['Passphrase: ', 'wrong'],
      ['Passphrase: ', 'hush'],
    ],
  )
  assert.equal(code, 0, seen)
  assert.ok(seen.replaceAll('\r', '').includes(kit.trim()), seen)
  assert.doesNotMatch(seen, /hush/)
})
