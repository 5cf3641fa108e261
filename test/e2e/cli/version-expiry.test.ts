/** `dfs gc` lets old versions go, and then what only they needed. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { noise } from '../support/files.ts'
import { fuseMissing, mountFolder } from '../support/mount.ts'

test('gc keeps young versions, and lets them and their blocks go once they are too old', {
  skip: fuseMissing(),
}, async (t) => {
  const place = await mountFolder(t)
  const gc = async () => JSON.parse(await place.dfsOk(['gc', '--json']))
  const versions = async () => {
    const { code, stdout } = await place.dfs(['history', `${place.folder}/a`, '--json'])
    return code === 0 ? JSON.parse(stdout).versions.length : 0
  }
  await place.sh('cat > folder/a', { input: noise(100_000) })
  await place.unmount()
  for (const setting of ['keepDeletedAfterSeconds', 'gcGraceMinutes'])
    await place.dfsOk(['config', 'set', setting, '0'])
  await place.mount()
  await place.sh('rm folder/a')
  const young = await gc()
  assert.deepEqual([young.versions, young.blocks], [0, 0])
  assert.equal(await versions(), 1)

  await place.dfsOk(['config', 'set', 'versionDays', '0'])
  const old = await gc()
  assert.equal(old.versions, 1)
  assert.ok(old.blocks > 0)
  assert.equal(await versions(), 0)
  assert.match(await place.dfsOk(['gc']), /^Deleted 0 blocks/)
  await place.unmount()
})
