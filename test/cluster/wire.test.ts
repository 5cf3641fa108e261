/** What the other stories stand on: lines are as far, slow and lossy as they were set to be, and cut when they were cut. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { within } from '../e2e/support/process.ts'
import { Cluster, clusterMissing, type Host } from './support/cluster.ts'

const skip = clusterMissing()
const KIB = 1024

interface Transfer {
  connectMs: number
  totalMs: number
}

/** Sends bytes over TCP from one host to another. */
async function transfer(from: Host, to: Host, bytes: number): Promise<Transfer> {
  const serving = from.sh(
    `python3 -c '
import socket
server = socket.create_server(("${from.address}", 5000))
server.settimeout(10)
server.accept()[0].sendall(bytes(${bytes}))'`,
  )
  const asked = to.sh(
    `python3 -c '
import json, socket, time
def connect():
    for _ in range(200):
        began = time.monotonic()
        try: return socket.create_connection(("${from.address}", 5000), 3), began
        except ConnectionRefusedError: time.sleep(0.02)
line, began = connect()
connected, left = time.monotonic(), ${bytes}
while left: left -= len(line.recv(1 << 16))
ended = time.monotonic()
print(json.dumps({"connectMs": (connected - began) * 1000, "totalMs": (ended - connected) * 1000}))'`,
  )
  const [, answer] = await within(30_000, Promise.all([serving, asked]), 'the transfer')
  return JSON.parse(answer)
}

test('hosts are as far from each other, and as slow, as was set', { skip }, async (t) => {
  const cluster = await Cluster.start(t, ['one', 'two'])
  const [one, two] = [cluster.host('one'), cluster.host('two')]
  await transfer(one, two, 1)
  await cluster.setLine({ delayMs: 15, mbitPerSecond: 10 })
  const far = await transfer(one, two, 500 * KIB)
  assert(far.connectMs >= 60, `${far.connectMs} ms there and back`)
  assert(far.totalMs >= 400, `${far.totalMs} ms for 500 KiB at 10 Mbit/s`)
  await cluster.setLine({ lossPercent: 2 })
  await transfer(one, two, 500 * KIB)
  assert((await cluster.carriedBytes('one', 'two')) > 1000 * KIB)
})

test('hosts that were cut from each other hear nothing until that is healed', { skip }, async (t) => {
  const cluster = await Cluster.start(t, ['one', 'two', 'three'])
  const [one, two, three] = [cluster.host('one'), cluster.host('two'), cluster.host('three')]
  await cluster.partition(['one', 'three'], ['two'])
  await assert.rejects(
    two.sh(`python3 -c 'import socket; socket.create_connection(("${one.address}", 5000), 0.3)'`),
    /timed out/,
  )
  await transfer(one, three, KIB)
  await cluster.heal()
  await transfer(one, two, KIB)
})
