import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import test from 'node:test'
import { connectionOwner, ownerIn } from '../../../../src/cli/ui/connection-owner.ts'

/** As Linux shows it: a server at port 7070 (0x1b9e), its two ends of a connection, and one of another user. */
const TABLE = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1B9E 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 65007 1 0000000000000000 100 0 0 10 0
   1: 0100007F:C350 0100007F:1B9E 01 00000000:00000000 00:00000000 00000000  1001        0 76008 1 0000000000000000 20 4 30 10 -1
   2: 0100007F:1B9E 0100007F:C350 01 00000000:00000000 00:00000000 00000000  1000        0 76009 1 0000000000000000 20 4 30 10 -1
   3: 0100007F:C351 0100007F:1B9E 06 00000000:00000000 03:00000F2C 00000000     0        0 0 3 0000000000000000
`
const TABLE6 = `   0: 0000000000000000FFFF00000100007F:C352 0000000000000000FFFF00000100007F:1B9E 01 00000000:00000000 00:00000000 00000000  1002        0 1 1 0000000000000000 20 4 30 10 -1\n`

test('the other end is the one that speaks to this port', () => {
  assert.equal(ownerIn(TABLE, { remotePort: 50_000, localPort: 7070 }), 1001)
  assert.equal(ownerIn(TABLE, { remotePort: 50_001, localPort: 7070 }), 0)
  assert.equal(ownerIn(TABLE, { remotePort: 50_002, localPort: 7070 }), undefined)
  assert.equal(ownerIn(TABLE6, { remotePort: 50_002, localPort: 7070 }), 1002)
})

test('a connection of this process belongs to who runs it, and one that is not there to nobody', async (t) => {
  const server = createServer().listen(0, '127.0.0.1')
  t.after(() => server.close())
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const socket = connect(port, '127.0.0.1')
  t.after(() => socket.destroy())
  await once(socket, 'connect')
  const connection = { remotePort: socket.localPort!, localPort: port }
  const isListed = process.platform === 'linux'
  assert.equal(await connectionOwner(connection), isListed ? process.getuid?.() : 'unknown')
  assert.equal(await connectionOwner({ ...connection, remotePort: 1 }), isListed ? 'nobody' : 'unknown')
})
