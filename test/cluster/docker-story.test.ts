/** The story that `docker compose up` tells, told by the same script on three hosts of a cluster. */
import assert from 'node:assert/strict'
import { mkdirSync, symlinkSync } from 'node:fs'
import path from 'node:path'
import test from 'node:test'
import { PROJECT } from '../e2e/support/second-user.ts'
import { Cluster, longClusterMissing } from './support/cluster.ts'

const ROLES = ['first', 'second', 'third'] as const
const STORY_MS = 150_000

test('the story of docker/compose.yaml ends well', { skip: longClusterMissing() }, async (t) => {
  const cluster = await Cluster.start(t, ROLES)
  const devices = await Promise.all(ROLES.map((role) => cluster.host(role).newDevice()))
  const exchange = path.join(devices[0]!.root, 'exchange')
  const bin = path.join(devices[0]!.root, 'bin')
  for (const directory of [exchange, bin]) mkdirSync(directory)
  symlinkSync(path.join(PROJECT, 'bin', 'dfs.js'), path.join(bin, 'dfs'))
  const told = await Promise.all(
    devices.map((device, i) => {
      const env = { EXCHANGE: exchange, FOLDER: device.folder, PATH: `${bin}:${device.env.PATH}` }
      const options = { env, deadlineMs: STORY_MS }
      return device.sh(`"${path.join(PROJECT, 'docker', 'story.sh')}" ${ROLES[i]}`, options)
    }),
  )
  assert.match(told[0]!, /second is in\n.*third is in/)
  assert.match(told[1]!, /checked and decrypted/)
  assert.match(told[2]!, /reads nothing/)
})
