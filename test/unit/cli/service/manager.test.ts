import assert from 'node:assert/strict'
import test from 'node:test'
import { ServiceManager, withoutManager } from '../../../../src/cli/service/manager.ts'
import { DatagramSocket } from '../../../support/datagram-socket.ts'

const ADDRESS = `@dfs-test-manager-${process.pid}`

test('a manager is told what it asks for, in lines of their own', async () => {
  using socket = new DatagramSocket(ADDRESS)
  await new ServiceManager({ NOTIFY_SOCKET: ADDRESS }).tell('READY=1', 'STATUS=one\ntwo')
  assert.deepEqual(socket.received, ['READY=1\nSTATUS=one two'])
})

test('nobody is told where no manager is, or none that can be reached', async () => {
  await new ServiceManager({}).tell('READY=1')
  await new ServiceManager({ NOTIFY_SOCKET: '/nonexistent/socket' }).tell('READY=1')
  await new ServiceManager({ NOTIFY_SOCKET: 'vsock:2:1' }).tell('READY=1')
})

test('the watchdog counts only for the process it is meant for', () => {
  const watched = { NOTIFY_SOCKET: ADDRESS, WATCHDOG_USEC: '120000000' }
  assert.equal(new ServiceManager(watched).watchdogMs, 120_000)
  assert.equal(new ServiceManager({ ...watched, WATCHDOG_PID: String(process.pid) }).watchdogMs, 120_000)
  assert.equal(new ServiceManager({ ...watched, WATCHDOG_PID: '1' }).watchdogMs, undefined)
  assert.equal(new ServiceManager({ WATCHDOG_USEC: '120000000' }).watchdogMs, undefined)
  assert.equal(new ServiceManager({ ...watched, WATCHDOG_USEC: 'soon' }).watchdogMs, undefined)
})

test('processes that are started from here have not to do with the manager', () => {
  const env = { NOTIFY_SOCKET: ADDRESS, WATCHDOG_USEC: '1', WATCHDOG_PID: '1', PATH: '/bin' }
  assert.deepEqual(withoutManager(env), { PATH: '/bin' })
})
