import assert from 'node:assert/strict'
import { join } from 'node:path'
import test from 'node:test'
import { sendDatagram } from '../../../src/posix/unix-datagram.ts'
import { DatagramSocket } from '../../support/datagram-socket.ts'
import { scratchDirectory } from './scratch.ts'

const scratch = scratchDirectory()

for (const [kind, address] of [
  ['at a path', join(scratch.path, 'socket')],
  ['of an abstract name', `@dfs-test-${process.pid}`],
] as const) {
  test(`a datagram reaches a socket ${kind}, whole and alone`, async () => {
    using socket = new DatagramSocket(address)
    await sendDatagram(address, Buffer.from('READY=1\nSTATUS=é'))
    await sendDatagram(address, Buffer.from('WATCHDOG=1'))
    assert.deepEqual(socket.received, ['READY=1\nSTATUS=é', 'WATCHDOG=1'])
  })
}

test('where nobody listens, and what is no address, is an error', async () => {
  const message = Buffer.from('READY=1')
  await assert.rejects(sendDatagram(join(scratch.path, 'absent'), message), { kind: 'not-found' })
  await assert.rejects(sendDatagram('vsock:2:1234', message), { kind: 'invalid' })
  await assert.rejects(sendDatagram(`/${'x'.repeat(108)}`, message), { kind: 'invalid' })
})
